#!/usr/bin/env -S bash -c 'exec "${0%/*}/../utils/python.sh" "$0" "$@"'
"""Train the small codec of system codec_lm (stage synthesizer).

It codes what WORLD makes of speech (F0, voicing, aperiodicity, spectral envelope; two frames of 10 ms together) by a
linear transform and a residual vector quantiser of eight codebooks, both fitted without gradients; convolutions over
the frames around are then trained to correct what is decoded. Its speech is WORLD's at best. Sizes and training:
system.options.codec; with system.options.source published there is EnCodec in its place (steps/import_codec_lm.py).

Frames of the training utterances are first extracted by --nj processes, into a folder that goes when training ends.
Killed and run again, it goes on from its last checkpoint.

Reads   data dirs.
Writes  a model dir, model.json and weights.safetensors, with TensorBoard events; model.json tells under
        facts.validation the mean squared error of weighted numbers from two codebooks and from all.

Example
    steps/train_codec.py --config exp/openspeech/codec_lm_small/config.yaml \\
        data/openspeech/dev-clean exp/openspeech/models/codec_lm/codec
"""

from __future__ import annotations

import argparse
import copy
import functools
import shutil
import sys
from typing import Any

from pseudovox import stage
from pseudovox.anonymize.codec_lm.options import Options
from pseudovox.config import Config


def main(argv: list[str] | None = None) -> int:
    parser = stage.parser(__doc__, data_dirs="the training speech", out_dir="the model dir")
    return stage.main(parser, argv, run)


def run(args: argparse.Namespace, config: Config) -> None:
    options = stage.own_options(config, Options)
    options.check()
    data = stage.load_data(args, reads=("utt2dur",))
    extraction = config.f0.extraction()
    settings: dict[str, Any] = {"codec": options.codec, "f0": extraction}
    with stage.output(args, args.out_dir, settings=settings, inputs=data) as out:
        if out is None:
            return
        from pseudovox.training import world_codec

        own = options.codec
        chosen = world_codec.drawn(data, own.utterances, args.seed)
        frames = out.path / "frames"
        each = copy.copy(args)
        each.force = False
        stage.map_utterances(
            each,
            chosen,
            frames,
            settings=settings,
            worker=lambda: functools.partial(world_codec.FrameWorker, config.f0, own),
            arrays=(world_codec.ARRAY,),
            seeded=True,
        )
        facts = stage.compute(args, out, world_codec.train, chosen, frames, own, extraction, args.seed, out.path)
        shutil.rmtree(frames)
        out.counts.update({"utterances": sum(len(part.utterances) for part in chosen), **facts["validation"]})


if __name__ == "__main__":
    sys.exit(main())

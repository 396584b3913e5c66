#!/usr/bin/env -S bash -c 'exec "${0%/*}/../utils/python.sh" "$0" "$@"'
"""Train a FACodec (stage synthesizer): speech as codes of prosody, content and detail, and a timbre.

Sizes, losses and their weights, and training: system.options.codec; conf/facodec/small.yaml has those of a codec for
two cores, which hears log-mel frames and speaks by WORLD. Prosody learns F0 and voicing, content phones; F0 and
phones in detail, and the speaker in all of them, are unlearned by gradient reversal (system.options.codec.losses).
The weights that FACodec's authors give away need no training (steps/import_facodec.py).

F0, and frames for a codec of frames, are first extracted by --nj processes, into a folder that goes when training
ends. Killed and run again, the step goes on from its last checkpoint.

Reads   data dirs; <alignment>/<data dir>/alignment.scp (steps/align_phones.py) of those without phones.ctm.
Writes  a model dir, model.json and weights.safetensors, with TensorBoard events. model.json tells of held-out
        utterances, for a codec of frames, under facts.validation: mel-cepstral distortion with and without detail
        (dB), the error of F0 (semitones), the share of the phones that content tells.

Example
    steps/train_facodec.py --config exp/openspeech/facodec/config.yaml --alignment exp/openspeech/alignment \\
        data/openspeech/dev-clean data/openspeech/train-clean-100 exp/openspeech/models/facodec
"""

from __future__ import annotations

import argparse
import copy
import functools
import shutil
import sys
from pathlib import Path

from pseudovox import stage
from pseudovox.anonymize.facodec.options import Options
from pseudovox.config import Config
from pseudovox.data.archive import read_scp


def main(argv: list[str] | None = None) -> int:
    parser = stage.parser(__doc__, data_dirs="the training speech", out_dir="the model dir")
    parser.add_argument("--alignment", type=Path, help="root of <data dir>/alignment.scp, for those without phones.ctm")
    return stage.main(parser, argv, run)


def run(args: argparse.Namespace, config: Config) -> None:
    options = stage.own_options(config, Options)
    options.check()
    data = stage.load_data(args, reads=("utt2dur",))
    aligned = [args.alignment / part.name for part in data if args.alignment and not part.lists.get("phones.ctm")]
    for folder in aligned:
        read_scp(folder / "alignment.scp")
    settings = [options.codec, config.f0.extraction()]
    with stage.output(args, args.out_dir, settings=settings, inputs=[*data, *aligned]) as out:
        if out is None:
            return
        from pseudovox.training import facodec

        frames = out.path / "frames"
        each = copy.copy(args)
        each.force = False
        stage.map_utterances(
            each,
            data,
            frames,
            settings=[facodec.heard_by(options.codec), config.f0.extraction()],
            worker=lambda: functools.partial(facodec.CodecWorker, options.codec, config.f0),
            arrays=facodec.arrays_of(options.codec),
        )
        facts = stage.compute(
            args, out, facodec.train, data, frames, options, args.seed, out.path, alignment=args.alignment
        )
        shutil.rmtree(frames)
        out.counts.update({"utterances": sum(len(part.utterances) for part in data), **facts["validation"]})


if __name__ == "__main__":
    sys.exit(main())

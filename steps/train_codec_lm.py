#!/usr/bin/env -S bash -c 'exec "${0%/*}/../utils/python.sh" "$0" "$@"'
"""Train the language models of system codec_lm on the tokens of real speech (stage synthesizer).

The coarse transformer tells the first two codebooks of a codec, token by token, from semantic units and from what came
before; the fine one tells the other codebooks, all frames at once. Sizes and training: system.options.coarse and .fine.

Tokens are first made by --nj processes, into a folder that goes when training ends. Killed and run again, it goes on
from its last checkpoint.

Reads   data dirs; the model dirs of steps/train_semantic_units.py (--units) and steps/train_codec.py (--codec); the
        features' weights, or for kind bottleneck the model dir of the content extractor.
Writes  <out-dir>/coarse and <out-dir>/fine, model dirs with TensorBoard events; their cards tell under facts.validation
        the cross-entropy (natural logarithm) of the codes of held-out speakers.

Example
    steps/train_codec_lm.py --config exp/openspeech/codec_lm_small/config.yaml \\
        --units exp/openspeech/models/codec_lm/units \\
        --codec exp/openspeech/models/codec_lm/codec --bottleneck exp/openspeech/models/bottleneck \\
        data/openspeech/dev-clean exp/openspeech/models/codec_lm/lm
"""

from __future__ import annotations

import argparse
import copy
import functools
import shutil
import sys
from pathlib import Path
from typing import Any

from pseudovox import stage
from pseudovox.anonymize.codec_lm.options import Options
from pseudovox.config import Config


def main(argv: list[str] | None = None) -> int:
    parser = stage.parser(__doc__, data_dirs="the training speech", out_dir="the model dirs")
    parser.add_argument("--units", type=Path, required=True, help="model dir of the semantic units")
    parser.add_argument("--codec", type=Path, required=True, help="model dir of the codec")
    parser.add_argument("--bottleneck", type=Path, help="model dir of the content extractor")
    return stage.main(parser, argv, run)


def run(args: argparse.Namespace, config: Config) -> None:
    from pseudovox.anonymize.knnvc import features

    options = stage.own_options(config, Options)
    options.check()
    data = stage.load_data(args, reads=("utt2dur",))
    made_for = {"kind": options.features.kind, "layer": options.features.layer}
    settings: dict[str, Any] = {
        "features": made_for, "coarse": options.coarse, "fine": options.fine, "held_out": options.held_out,
    }  # fmt: skip
    models = [args.units, args.codec, features.source_of(options.features, args.bottleneck)]
    with stage.output(args, args.out_dir, settings=settings, inputs=[*data, *models]) as out:
        if out is None:
            return
        from pseudovox.anonymize.codec_lm import codecs, worker
        from pseudovox.anonymize.codec_lm.semantic import Semantic
        from pseudovox.training import codec_lm

        tokens = out.path / "tokens"
        each = copy.copy(args)
        each.force = False
        stage.map_utterances(
            each,
            data,
            tokens,
            settings=made_for,
            inputs=lambda part: models,
            worker=lambda: functools.partial(worker.TokenWorker, options, args.units, args.codec, args.bottleneck),
            arrays=(worker.UNITS, worker.CODES),
        )
        codec = codecs.load(args.codec)
        sizes = {
            "units": Semantic(args.units, options.features, args.bottleneck).count, "codes": codec.codes,
            "codebooks": codec.codebooks, "frame_rate": codec.rate,
        }  # fmt: skip
        found = stage.compute(args, out, codec_lm.train, data, tokens, options, sizes, args.seed, out.path)
        shutil.rmtree(tokens)
        out.counts.update({"utterances": sum(len(part.utterances) for part in data), **found})


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env -S bash -c 'exec "${0%/*}/../utils/python.sh" "$0" "$@"'
"""Train the semantic units of system codec_lm: k-means on features of real speech (stage synthesizer).

The features are those of system.options.features (HuBERT's layers, or the content extractor's), each dimension
brought to mean 0 and deviation 1; system.options.units says how many centroids, and how many frames they are learnt
from, drawn from utterances that are drawn as well.

Reads   data dirs; the features' weights, or for kind bottleneck the model dir of the content extractor.
Writes  a model dir, model.json and weights.safetensors; model.json tells under facts.validation how many of the units
        the training frames use evenly (perplexity).

Example
    steps/train_semantic_units.py --config exp/openspeech/codec_lm_small/config.yaml \\
        --bottleneck exp/openspeech/models/bottleneck data/openspeech/dev-clean exp/openspeech/models/codec_lm/units
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from pseudovox import stage
from pseudovox.anonymize.codec_lm.options import Options
from pseudovox.config import Config


def main(argv: list[str] | None = None) -> int:
    parser = stage.parser(__doc__, data_dirs="speech of any kind", out_dir="the model dir")
    parser.add_argument("--bottleneck", type=Path, help="model dir of the content extractor")
    return stage.main(parser, argv, run)


def run(args: argparse.Namespace, config: Config) -> None:
    from pseudovox.anonymize.knnvc import features

    options = stage.own_options(config, Options)
    options.check()
    data = stage.load_data(args, reads=("utt2dur",))
    made_for = {"kind": options.features.kind, "layer": options.features.layer}
    settings: dict[str, Any] = {"features": made_for, "units": options.units}
    inputs: list[Any] = [*data, features.source_of(options.features, args.bottleneck)]
    with stage.output(args, args.out_dir, settings=settings, inputs=inputs) as out:
        if out is None:
            return
        from pseudovox.training import semantic_units

        facts = stage.compute(
            args, out, semantic_units.train, data, options, args.seed, out.path, bottleneck=args.bottleneck
        )
        out.counts.update(facts["validation"])


if __name__ == "__main__":
    sys.exit(main())

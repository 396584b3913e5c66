#!/usr/bin/env -S bash -c 'exec "${0%/*}/../utils/python.sh" "$0" "$@"'
"""Train the duration predictor of private kNN-VC (stage bottleneck).

How many frames each phone of a sequence lasts, by the phones around it. It learns from what the phone predictor finds
in speech of any kind, which is what it will be asked about (`system.options.durations.runs: predicted`), or from
aligned speech (`aligned`). A share of the speakers is held out, and how well theirs are told is in the card.

Reads   data dirs; the model dir of the phone predictor; the features' weights, or for kind bottleneck the model dir of
        the content extractor; for aligned runs phones.ctm, or <alignment>/<data dir>/alignment.scp
        (steps/align_phones.py) of those without.
Writes  a model dir, model.json and weights.safetensors, with TensorBoard events. model.json tells under
        facts.validation of held-out speakers, in frames and without silence: mean_absolute_error, error_of_phone_means
        (of each phone's mean duration instead) and correlation.

Example
    steps/train_durations.py --config exp/openspeech/private_knnvc_7_8/config.yaml \\
        --phones exp/openspeech/models/phones --bottleneck exp/openspeech/models/bottleneck \\
        data/openspeech/dev-clean exp/openspeech/models/durations
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from pseudovox import stage
from pseudovox.config import Config
from pseudovox.data.archive import read_scp


def main(argv: list[str] | None = None) -> int:
    parser = stage.parser(__doc__, data_dirs="the training speech", out_dir="the model dir")
    parser.add_argument("--phones", type=Path, required=True, help="model dir of the phone predictor")
    parser.add_argument("--alignment", type=Path, help="root of <data dir>/alignment.scp, for aligned runs")
    parser.add_argument("--bottleneck", type=Path, help="model dir of the content extractor")
    return stage.main(parser, argv, run)


def run(args: argparse.Namespace, config: Config) -> None:
    from pseudovox.anonymize.knnvc import features, private
    from pseudovox.models import store

    options = stage.own_options(config, private.PrivateOptions)
    options.durations.check()
    data = stage.load_data(args)
    store.read_card(args.phones, private.PHONES_KIND)
    predicted = options.durations.runs == "predicted"
    aligned = [] if predicted else private.alignments_of(data, args.alignment)
    for folder in aligned:
        read_scp(folder / "alignment.scp")
    source = [features.source_of(options.features, args.bottleneck)] if predicted else []
    settings = [{"features": options.features.kind}, options.durations]
    with stage.output(args, args.out_dir, settings=settings, inputs=[*data, args.phones, *aligned, *source]) as out:
        if out is None:
            return
        from pseudovox.training import durations

        facts = stage.compute(
            args, out, durations.train, data, options, args.seed, out.path,
            predictor=args.phones, alignment=args.alignment, bottleneck=args.bottleneck,
        )  # fmt: skip
        out.counts.update({"utterances": sum(len(part.utterances) for part in data), **facts["validation"]})


if __name__ == "__main__":
    sys.exit(main())

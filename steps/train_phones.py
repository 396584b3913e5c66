#!/usr/bin/env -S bash -c 'exec "${0%/*}/../utils/python.sh" "$0" "$@"'
"""Train the phone predictor of private kNN-VC, and of speech to text to speech (stage bottleneck).

Which phone a frame is, told from one layer of the features: `system.options.phones.layer` of the network that
`system.options.features` names. Two convolutions over three frames learn it by the frames' cross-entropy and CTC from
speech whose phones are aligned; a share of the speakers is held out, and how well theirs are told is in the card.

Reads   data dirs; <alignment>/<data dir>/alignment.scp (steps/align_phones.py) of those without phones.ctm; the
        features' weights, or for kind bottleneck the model dir of the content extractor.
Writes  a model dir, model.json and weights.safetensors, with lm.arpa, a bigram of the phones, and TensorBoard events.
        model.json tells under facts.validation of held-out speakers: frame_accuracy, phone_error_rate (without
        silence, in percent), macro_f1.

Example
    steps/train_phones.py --config exp/openspeech/private_knnvc_7_8/config.yaml --alignment exp/openspeech/alignment \\
        --bottleneck exp/openspeech/models/bottleneck data/openspeech/dev-clean exp/openspeech/models/phones
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from pseudovox import stage
from pseudovox.config import Config
from pseudovox.data.archive import read_scp


def main(argv: list[str] | None = None) -> int:
    parser = stage.parser(__doc__, data_dirs="speech with known phones", out_dir="the model dir")
    parser.add_argument("--alignment", type=Path, help="root of <data dir>/alignment.scp, for those without phones.ctm")
    parser.add_argument("--bottleneck", type=Path, help="model dir of the content extractor")
    return stage.main(parser, argv, run)


def run(args: argparse.Namespace, config: Config) -> None:
    from pseudovox.anonymize.knnvc import features, private

    options = stage.own_options(config, private.PrivateOptions, others=True)
    data = stage.load_data(args)
    aligned = private.alignments_of(data, args.alignment)
    for folder in aligned:
        read_scp(folder / "alignment.scp")
    settings = [{"features": options.features.kind}, options.phones]
    inputs: list[Any] = [*data, *aligned, features.source_of(options.features, args.bottleneck)]
    with stage.output(args, args.out_dir, settings=settings, inputs=inputs) as out:
        if out is None:
            return
        from pseudovox.training import phones

        facts = stage.compute(
            args, out, phones.train, data, options, args.seed, out.path,
            alignment=args.alignment, bottleneck=args.bottleneck,
        )  # fmt: skip
        out.counts.update({"utterances": sum(len(part.utterances) for part in data), **facts["validation"]})


if __name__ == "__main__":
    sys.exit(main())

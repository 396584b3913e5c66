#!/usr/bin/env -S bash -c 'exec "${0%/*}/../utils/python.sh" "$0" "$@"'
"""Train the tracker of formants and F0 through which losses of hle_vqvae look (stage synthesizer).

Praat says where F1, F2, F3 and F0 of real speech are, and a small transformer on log-mel frames learns to say the same,
with a gradient (system.options.formants). It needs the package praat-parselmouth. A share of the speakers is held out;
how near to Praat the tracker comes on their speech is in the card.

Reads   data dirs, with spk2gender, which decides the range in which Praat looks for formants.
Writes  a model dir, model.json and weights.safetensors, with TensorBoard events. model.json tells under
        facts.validation of unseen speakers: f1, f2, f3 (mean absolute error against Praat in Hz, voiced frames),
        f1_of_mean ... (the error of the training speech's mean formants), f0 (semitones) and voicing (share of frames).

Example
    steps/train_formants.py --config exp/openspeech/hle_vqvae/config.yaml \\
        data/openspeech/dev-clean exp/openspeech/models/formants
"""

from __future__ import annotations

import argparse
import sys

from pseudovox import stage
from pseudovox.anonymize.hle_vqvae.options import TRACKED, Options
from pseudovox.config import Config


def main(argv: list[str] | None = None) -> int:
    parser = stage.parser(__doc__, data_dirs="the training speech", out_dir="the model dir")
    parser.add_argument(
        "--unless", choices=("unused",), help="unused: nothing is trained where no loss looks through the tracker"
    )
    return stage.main(parser, argv, run)


def run(args: argparse.Namespace, config: Config) -> None:
    system = stage.own_options(config, Options)
    options = system.formants
    options.check()
    if args.unless and not system.losses.active().keys() & set(TRACKED):
        stage.log.info("no loss looks through a tracker of formants (%s), and none is trained", ", ".join(TRACKED))
        return
    data = stage.load_data(args, need=("spk2gender",))
    settings = [options, {"floor": config.f0.floor, "ceiling": config.f0.ceiling}]
    with stage.output(args, args.out_dir, settings=settings, inputs=data) as out:
        if out is None:
            return
        from pseudovox.training import formants

        facts = stage.compute(args, out, formants.train, data, options, config.f0, args.seed, out.path)
        out.counts.update({"utterances": sum(len(part.utterances) for part in data), **facts["validation"]})


if __name__ == "__main__":
    sys.exit(main())

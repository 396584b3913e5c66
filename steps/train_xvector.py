#!/usr/bin/env -S bash -c 'exec "${0%/*}/../utils/python.sh" "$0" "$@"'
"""Train a speaker embedding: the x-vector extractor (stage xvector) or an attacker's (stage attacker).

The section of the configuration says what is trained: `xvector`, or `attacker`, the evaluation ASV, which has a seed
and a width of its own. With --initial, training goes on from another model with the section's `continued`: the
attacker that knows the anonymization continues the original one on anonymized speech.

Reads   data dirs; speakers of the same name in two of them are the same.
Writes  a model dir: model.json (hyperparameters, speakers, features, validation) and weights.safetensors.

Example
    steps/train_xvector.py --section attacker --initial exp/mini/attacker/original \\
        data/mini/train_pca_gmm exp/mini/attacker/pca_gmm
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from pseudovox import stage
from pseudovox.config import Config
from pseudovox.core.seeds import seed_for
from pseudovox.data.datadir import DataDir
from pseudovox.models import store

SECTIONS = ("xvector", "attacker")


def main(argv: list[str] | None = None) -> int:
    parser = stage.parser(__doc__, data_dirs="the training speech", out_dir="the model dir")
    parser.add_argument("--section", choices=SECTIONS, default="xvector", help="of the configuration (xvector)")
    parser.add_argument("--initial", type=Path, metavar="MODEL", help="model dir to go on from")
    parser.add_argument(
        "--pseudo", type=Path, metavar="DIR", help="root of the pseudo x-vectors, for targets.labels=clusters"
    )
    parser.add_argument("--system", default="", help="that anonymized the training speech")
    return stage.main(parser, argv, run)


def run(args: argparse.Namespace, config: Config) -> None:
    data = stage.load_data(args)
    inputs: list[DataDir | Path] = [*data]
    if args.initial:
        store.read_card(args.initial, *store.speaker_networks())
        inputs += [args.initial / "model.json", args.initial / "weights.safetensors"]
    options = getattr(config, args.section)
    pseudo = args.pseudo if options.targets.labels == "clusters" else None
    if pseudo:
        from pseudovox.training.targets import vectors_of

        inputs += [vectors_of(part, pseudo) for part in data]
    with stage.output(args, args.out_dir, settings={args.section: options}, inputs=inputs) as out:
        if out is None:
            return
        from pseudovox.data.augment import augment
        from pseudovox.training.speaker import train

        # The attacker must not share the extractor's draws: it is another party's model.
        seed = seed_for(args.seed, args.section)
        facts = stage.compute(
            args, out, train, data, options, out.path, seed=seed, augment=augment, initial=args.initial, pseudo=pseudo
        )
        out.counts.update(facts)


if __name__ == "__main__":
    sys.exit(main())

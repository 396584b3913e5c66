#!/usr/bin/env -S bash -c 'exec "${0%/*}/../utils/python.sh" "$0" "$@"'
"""Lay a finished run out in the folders and files of SpAnE's experiments (docs/interoperability.md has a table).

EERs of every scenario, in all and by gender, emotion and target; the log of the evaluation ASV; what each judge of
speech said, averaged over utterances in all and by attribute; the words that the recognisers wrote down; speed, with
the machine's description. What the run did not measure is left out. Data files and lists: local/export_spane.py.

Reads   the run's folder: config.yaml, <system>/asv, attacker, judges, <system>/speed*; and its data dirs.
Writes  <out-dir>/exp_config.yaml and <out-dir>/eval/...

Example
    steps/export_spane_results.py --system private_knnvc_7_8 exp/spane data/spane exp/spane/private_knnvc_7_8/spane
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from pseudovox import config as configuration
from pseudovox import stage
from pseudovox.config import Config
from pseudovox.core.errors import DataError
from pseudovox.records import ORIGINAL


def main(argv: list[str] | None = None) -> int:
    parser = stage.parser(__doc__)
    parser.add_argument("--system", default=ORIGINAL, help="a system of the run; default: the original speech")
    parser.add_argument("exp_dir", type=Path, help="the run's folder")
    parser.add_argument("data_dir", type=Path, help="the folder of its data dirs")
    parser.add_argument("out_dir", type=Path, help="the experiment's folder")
    return stage.main(parser, argv, run)


def run(args: argparse.Namespace, config: Config) -> None:
    own = args.exp_dir / args.system / "config.yaml"
    path = own if own.is_file() else args.exp_dir / "config.yaml"
    if not path.is_file():
        raise DataError(f"{path}: no such file: not the folder of a run (--exp-dir)")
    config = configuration.load(path, args.set)
    results = sorted(args.exp_dir.rglob("results.json")) + sorted(args.exp_dir.rglob("train_log.txt"))
    inputs = [path, *(one for one in results if "report" not in one.parts and args.out_dir not in one.parents)]
    settings = {"system": args.system}
    with stage.output(args, args.out_dir, settings=settings, inputs=inputs, seeded=False, torch_device=False) as out:
        if out is None:
            return
        from pseudovox.report import spane

        found = spane.lay_out(spane.Run(args.exp_dir, args.data_dir, args.system, config), out.path)
        out.counts = {"files": len(found)}


if __name__ == "__main__":
    sys.exit(main())

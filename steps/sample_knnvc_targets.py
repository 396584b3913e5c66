#!/usr/bin/env -S bash -c 'exec "${0%/*}/../utils/python.sh" "$0" "$@"'
"""Draw the target of every speaker, or every utterance, for kNN voice conversion (stage sample).

Whether a data dir is anonymized by speaker or by utterance is said by section `levels`, and whose targets are of which
gender by `pseudo.target_gender` (same, opposite or any); `pseudo.target` names one for all. A draw depends on the seed,
the data dir's name and the speaker's (or the utterance's) id alone. Nobody is converted to itself.

Reads   data dirs (with spk2gender, unless any gender will do); the output of steps/fit_knnvc_targets.py (--targets).
Writes  <out-dir>/<data dir>/: utt2target and, at speaker level, spk2target; pseudo_f0.{scp,ark}, mean and deviation of
        the target's log F0, and pseudo_xvector.{scp,ark}, what the informed attacker knows of the target, by utterance;
        spk2gender of the targets.

Example
    steps/sample_knnvc_targets.py --targets exp/own/knnvc/targets data/own/recordings exp/own/knnvc/pseudo
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from pseudovox import stage
from pseudovox.anonymize import sampling
from pseudovox.config import Config


def main(argv: list[str] | None = None) -> int:
    parser = stage.parser(__doc__, data_dirs="data dirs whose speakers get other voices")
    parser.add_argument("--targets", type=Path, required=True, help="output of steps/fit_knnvc_targets.py")
    return stage.main(parser, argv, run)


def run(args: argparse.Namespace, config: Config) -> None:
    def prepared(folder: Path) -> Any:
        from pseudovox.anonymize.knnvc.target_store import Store

        store = Store(folder)
        return store.targets, store.vectors()

    sampling.draw_prepared(args, config, args.targets, prepared)


if __name__ == "__main__":
    sys.exit(main())

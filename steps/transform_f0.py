#!/usr/bin/env python3
"""Move F0 to the pseudo-speakers (stage f0).

The logarithm of F0 is shifted and scaled from the mean and deviation of the speaker (over all of its utterances in
the data dir; of the utterance itself with f0.source=utterance) to those of the utterance's pseudo-speaker. Where the
pseudo-speakers come without an F0 of their own (strategy `own`), or with f0.transform=none, F0 stays as it is.

Reads   data dirs; <f0>/<data dir>/f0.scp of steps/extract_f0.py; <pseudo>/<data dir>/pseudo_f0.scp of
        steps/sample_pseudo_speakers.py.
Writes  <out-dir>/<data dir>/f0.{scp,1.ark,...}

Example
    steps/transform_f0.py --f0 exp/mini/f0 --pseudo exp/mini/pca_gmm/pseudo data/mini/test_trials_f exp/mini/pca_gmm/f0
"""

from __future__ import annotations

import argparse
import functools
import sys
from pathlib import Path
from typing import Any

from pseudovox import stage
from pseudovox.archive import read_scp
from pseudovox.config import Config


def main(argv: list[str] | None = None) -> int:
    parser = stage.parser(__doc__, data_dirs="data dirs, original")
    parser.add_argument("--f0", type=Path, required=True, help="root of the extracted F0")
    parser.add_argument("--pseudo", type=Path, required=True, help="root of the pseudo-speakers")
    return stage.main(parser, argv, run)


def run(args: argparse.Namespace, config: Config) -> None:
    data = stage.load_data(args)
    for part in data:
        if not (args.pseudo / part.name).is_dir():  # else F0 would stay the speaker's own without a word
            from pseudovox.errors import DataError

            raise DataError(f"{args.pseudo / part.name}: no pseudo-speakers here", "./run.sh --stage sample")
        read_scp(args.f0 / part.name / "f0.scp")
    args.device = "cpu"

    def worker() -> Any:
        from pseudovox import f0

        f0.check(config.f0)
        return functools.partial(f0.TransformWorker, config.f0, args.f0, args.pseudo)

    stage.map_utterances(
        args,
        data,
        args.out_dir,
        settings=config.f0,
        worker=worker,
        inputs=lambda part: [args.f0 / part.name, args.pseudo / part.name],
        arrays=("f0",),
    )


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env -S bash -c 'exec "${0%/*}/../utils/python.sh" "$0" "$@"'
"""Extract the fundamental frequency (stages fit and f0).

Every 10 ms by WORLD; section `f0` of the configuration names the method and the range. Runs on CPU cores.

Reads   data dirs.
Writes  <out-dir>/<data dir>/f0.{scp,1.ark,...}: F0 in Hz, 0 where unvoiced.

Example
    steps/extract_f0.py data/mini/train data/mini/test_trials_f exp/mini/f0
"""

from __future__ import annotations

import argparse
import functools
import sys
from typing import Any

from pseudovox import stage
from pseudovox.config import Config


def main(argv: list[str] | None = None) -> int:
    parser = stage.parser(__doc__, data_dirs="data dirs whose speech is analysed")
    return stage.main(parser, argv, run)


def run(args: argparse.Namespace, config: Config) -> None:
    data = stage.load_data(args, reads=())
    args.device = "cpu"  # WORLD knows no other, and a GPU would take all jobs but one

    def worker() -> Any:
        from pseudovox.components import f0

        f0.check(config.f0)
        return functools.partial(f0.ExtractWorker, config.f0)

    stage.map_utterances(
        args,
        data,
        args.out_dir,
        settings=config.f0.extraction(),
        worker=worker,
        arrays=("f0",),
    )


if __name__ == "__main__":
    sys.exit(main())

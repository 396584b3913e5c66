#!/usr/bin/env -S bash -c 'exec "${0%/*}/../utils/python.sh" "$0" "$@"'
"""Extract bottleneck features: what is said, and as little as possible of who says it (stage content).

Reads   data dirs, and the model dir of steps/train_bottleneck.py, which says what it takes in and how many frames
        it gives.
Writes  <out-dir>/<data dir>/bottleneck.{scp,1.ark,...}

Example
    steps/extract_bottleneck.py --model exp/mini/models/bottleneck data/mini/test_trials_f exp/mini/bottleneck
"""

from __future__ import annotations

import argparse
import functools
import sys
from pathlib import Path
from typing import Any

from pseudovox import stage
from pseudovox.config import Config
from pseudovox.models import store


def main(argv: list[str] | None = None) -> int:
    parser = stage.parser(__doc__, data_dirs="data dirs whose speech is analysed")
    parser.add_argument("--model", type=Path, required=True, help="model dir of the content extractor")
    return stage.main(parser, argv, run)


def run(args: argparse.Namespace, config: Config) -> None:
    data = stage.load_data(args, reads=())
    store.read_card(args.model, *store.content_extractors())

    def worker() -> Any:
        from pseudovox.components.content import ExtractWorker

        return functools.partial(ExtractWorker, args.model)

    stage.map_utterances(
        args,
        data,
        args.out_dir,
        settings={},  # the model says how it is to be used
        worker=worker,
        inputs=lambda _: [args.model],
        arrays=("bottleneck",),
    )


if __name__ == "__main__":
    sys.exit(main())

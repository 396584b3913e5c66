#!/usr/bin/env -S bash -c 'exec "${0%/*}/../utils/python.sh" "$0" "$@"'
"""Multiply the F0, energy and duration of every phone by a factor of its own (stage f0).

system.options.transforms has the ranges, which factors are drawn from evenly, in whole percents: as published
[0.6, 1.4] for F0 and energy. What is drawn depends on the seed, the data dir's name and the utterance's id alone.

Reads   data dirs; <prosody>/<data dir>/prosody.scp of steps/extract_prosody.py.
Writes  <out-dir>/<data dir>/prosody.{scp,1.ark,...}, as there.

Example
    steps/transform_prosody.py --set 'system.options.transforms.pitch=[0.8,1.2]' \\
        --prosody exp/openspeech/sttts/prosody data/openspeech/test-other exp/openspeech/sttts/moved
"""

from __future__ import annotations

import argparse
import functools
import sys
from pathlib import Path
from typing import Any

from pseudovox import stage
from pseudovox.anonymize.sttts.options import Options
from pseudovox.config import Config
from pseudovox.data.archive import read_scp


def main(argv: list[str] | None = None) -> int:
    parser = stage.parser(__doc__, data_dirs="data dirs, original")
    parser.add_argument("--prosody", type=Path, required=True, help="root of the extracted prosody")
    return stage.main(parser, argv, run)


def run(args: argparse.Namespace, config: Config) -> None:
    options = stage.own_options(config, Options)
    options.check()
    data = stage.load_data(args, reads=())
    for part in data:
        read_scp(args.prosody / part.name / "prosody.scp")
    args.device = "cpu"

    def worker() -> Any:
        from pseudovox.anonymize.sttts.workers import TransformWorker

        return functools.partial(TransformWorker, options.transforms, args.seed, args.prosody)

    stage.map_utterances(
        args,
        data,
        args.out_dir,
        settings=options.transforms,
        worker=worker,
        inputs=lambda part: [args.prosody / part.name],
        arrays=("prosody",),
        seeded=True,
    )


if __name__ == "__main__":
    sys.exit(main())

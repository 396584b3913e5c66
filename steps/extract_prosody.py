#!/usr/bin/env -S bash -c 'exec "${0%/*}/../utils/python.sh" "$0" "$@"'
"""Measure the prosody of phones: durations, F0 and energy, as shares of the utterance's mean (stage f0).

A phone's F0 is the mean over its voiced frames, 0 of phones without a voice; its energy the mean over its frames, 0 of
silence; both over the mean of the utterance's phones that have any. Silence keeps its length.

Reads   data dirs; <phones>/<data dir>/phones.scp of steps/recognise_phones.py; <f0>/<data dir>/f0.scp of
        steps/extract_f0.py.
Writes  <out-dir>/<data dir>/prosody.{scp,1.ark,...}, float32 (phones, 4): code, frames of 10 ms, F0, energy.

Example
    steps/extract_prosody.py --phones exp/openspeech/sttts/phones --f0 exp/openspeech/f0 \\
        data/openspeech/test-other exp/openspeech/sttts/prosody
"""

from __future__ import annotations

import argparse
import functools
import sys
from pathlib import Path
from typing import Any

from pseudovox import stage
from pseudovox.config import Config
from pseudovox.data.archive import read_scp


def main(argv: list[str] | None = None) -> int:
    parser = stage.parser(__doc__, data_dirs="data dirs whose phones were recognised")
    parser.add_argument("--phones", type=Path, required=True, help="root of the recognised phones")
    parser.add_argument("--f0", type=Path, required=True, help="root of the extracted F0")
    return stage.main(parser, argv, run)


def run(args: argparse.Namespace, config: Config) -> None:
    data = stage.load_data(args, reads=())
    for part in data:
        read_scp(args.phones / part.name / "phones.scp")
        read_scp(args.f0 / part.name / "f0.scp")
    args.device = "cpu"

    def worker() -> Any:
        from pseudovox.anonymize.sttts.workers import ProsodyWorker

        return functools.partial(ProsodyWorker, args.phones, args.f0)

    stage.map_utterances(
        args,
        data,
        args.out_dir,
        settings={},
        worker=worker,
        inputs=lambda part: [args.phones / part.name, args.f0 / part.name],
        arrays=("prosody",),
    )


if __name__ == "__main__":
    sys.exit(main())

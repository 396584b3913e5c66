#!/usr/bin/env -S bash -c 'exec "${0%/*}/../utils/python.sh" "$0" "$@"'
"""Pitch correlation between original and anonymized speech (stage utility): is the melody kept?

F0 of both is extracted anew (section `pitch`), whatever F0 the system worked with. Two forms: over the frames that are
voiced in both, and as the VoicePrivacy Challenge 2022 computes it, with unvoiced frames as zeros.

Reads   original data dirs, and beside each the one that the system made of it, <data dir>_<system>.
Writes  <out-dir>/<data dir>/pitch.scp and arks (both forms by utterance), and <out-dir>/summary/results.json.

Example
    steps/score_pitch.py --system pca_gmm data/mini/test_trials_f data/mini/test_trials_m exp/mini/pca_gmm/utility
"""

from __future__ import annotations

import argparse
import functools
import sys
from typing import Any

from pseudovox import stage
from pseudovox.config import Config


def main(argv: list[str] | None = None) -> int:
    parser = stage.parser(__doc__, data_dirs="original data dirs")
    parser.add_argument("--system", required=True, help="the system, and the end of its data dirs' names")
    return stage.main(parser, argv, run)


def run(args: argparse.Namespace, config: Config) -> None:
    data = stage.load_data(args)
    made = stage.load_made(args, data)
    args.device = "cpu"

    def worker() -> Any:
        from pseudovox.evaluation.prosody import PitchWorker

        return functools.partial(PitchWorker, made, config.pitch)

    stage.map_utterances(
        args,
        data,
        args.out_dir,
        settings=config.pitch,
        worker=worker,
        inputs=lambda part: [made[part.path]],
        arrays=("pitch",),
    )
    inputs = [args.out_dir / part.name for part in data]
    settings = [config.pitch, {"system": args.system}]
    with stage.output(args, args.out_dir / "summary", settings=settings, inputs=inputs, torch_device=False) as out:
        if out is None:
            return
        from pseudovox.evaluation.prosody import summarise_sets
        from pseudovox.records import write_records

        write_records(out.path / "results.json", summarise_sets(data, args.out_dir, args.system, config))
        out.counts["data_dirs"] = len(data)


if __name__ == "__main__":
    sys.exit(main())

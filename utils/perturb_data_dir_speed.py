#!/usr/bin/env -S bash -c 'exec "${0%/*}/../utils/python.sh" "$0" "$@"'
"""A copy of a data dir at another speed: ids get Kaldi's prefix (sp1.1-), audio is played <factor> times as fast.

Reads    <data-dir>.
Writes   <new-dir>: wav/<utterance>.wav (16 kHz, mono, 16 bit), resampled; utt2uniq says which utterance each is a copy
         of; features and what else describes the old audio is left out. With --allow-pipes no audio is written:
         wav.scp gets commands for sox, as Kaldi's script writes them (and commands that it holds are taken over).

Example: utils/perturb_data_dir_speed.py 0.9 data/mini/train data/mini/train_sp0.9
"""

import argparse
import functools
import sys
from pathlib import Path
from typing import Any

from pseudovox import stage
from pseudovox.core.errors import DataError, UsageError


def main(argv: list[str] | None = None) -> int:
    parser = stage.parser(__doc__)
    parser.add_argument("--allow-pipes", action="store_true", help="write commands, and take over those that are there")
    parser.add_argument(
        "--include-spk-prefix", "--include_spk_prefix", choices=("true", "false"), default="true",
        help="false: the speakers stay who they were",
    )  # fmt: skip
    parser.add_argument("factor", help="e.g. 0.9 (slower) or 1.1")
    parser.add_argument("data_dir", type=Path)
    parser.add_argument("new_dir", type=Path)
    return stage.main(parser, argv, run)


def run(args: argparse.Namespace, config: Any) -> None:
    from pseudovox.data import materialize
    from pseudovox.data.datadir import DataDir

    if args.data_dir.resolve() == args.new_dir.resolve():
        raise UsageError(f"{args.new_dir}: is the data dir itself; name another one")
    speed = materialize.speed_of(args.factor)
    data = DataDir.load(args.data_dir, allow_pipes=args.allow_pipes)
    made = materialize.sped_up(data, args.factor, args.new_dir, speaker_prefix=args.include_spk_prefix == "true")
    made.check()
    if args.allow_pipes:
        if (args.new_dir / "wav").exists():
            raise DataError(f"{args.new_dir}: holds audio of an earlier run without --allow-pipes", "name another dir")
        materialize.speed_pipes(made, args.factor)
        made.check()
        made.write()
        print(f"{args.new_dir}: {len(made.utterances)} utterances, as commands for sox")
        return
    made.path = args.data_dir  # what it is made from: this is digested, and named in messages
    args.device = "cpu"
    stage.map_utterances(
        args, [made], args.new_dir.parent, audio=True, seeded=False,
        settings={"factor": args.factor, "speaker prefix": args.include_spk_prefix},
        worker=lambda: functools.partial(materialize.RenderWorker, speed, data, f"sp{args.factor}-"),
        out_names=lambda name: args.new_dir.name,
    )  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env -S bash -c 'exec "${0%/*}/../utils/python.sh" "$0" "$@"'
"""Split a data dir into parts: whole speakers of about equal duration, or with --per-utt as many utterances each.

Durations are those of utt2dur or segments; where there are neither, numbers of utterances are evened out. Parts keep
the order, so that the parts' tables one after the other are the whole dir's.

Reads    <data-dir>.
Writes   <data-dir>/split<N>/1 ... <N>, or <data-dir>/split<N>utt/1 ...: data dirs. If they are there and not older
         than the tables of <data-dir>, nothing is done.

Example: utils/split_data.py data/mini/train 4
"""

import sys
from argparse import Namespace
from pathlib import Path

from pseudovox.core import command
from pseudovox.core.errors import UsageError


def main(argv: list[str] | None = None) -> int:
    parser = command.parser(__doc__)
    parser.add_argument("--per-utt", action="store_true", help="a speaker's utterances may fall into several parts")
    parser.add_argument("--allow-pipes", action="store_true", help="wav.scp may hold commands (they are not run here)")
    parser.add_argument("data_dir", type=Path)
    parser.add_argument("parts", type=int, metavar="N")
    return command.main(parser, argv, run)


def run(args: Namespace) -> None:
    from pseudovox.data.datadir import DataDir
    from pseudovox.data.datadir.selection import split_by_speaker, split_by_utterance

    if args.parts < 1:
        raise UsageError(f"{args.parts} parts: expected a number above 0")
    folder = args.data_dir / f"split{args.parts}{'utt' if args.per_utt else ''}"
    if current(args.data_dir, folder, args.parts):
        print(f"{folder}: is there already, and not older than {args.data_dir}")
        return
    data = DataDir.load(args.data_dir, allow_pipes=args.allow_pipes, audio=False)
    parts = (split_by_utterance if args.per_utt else split_by_speaker)(data, args.parts)
    for number, utterances in enumerate(parts, 1):
        data.subset(utterances).write(folder / str(number))
    print(f"{folder}/1 ... {args.parts}: {min(map(len, parts))} to {max(map(len, parts))} utterances each")


def current(data_dir: Path, folder: Path, parts: int) -> bool:
    """Are all parts there, each table not older than that of the whole dir? The last part is written last."""
    from pseudovox.data.datadir.tables import is_named_as_table

    if not data_dir.is_dir() or not (folder / str(parts)).is_dir():
        return False
    tables = [path for path in data_dir.iterdir() if is_named_as_table(path.name)]
    copies = [(path, folder / str(part) / path.name) for part in range(1, parts + 1) for path in tables]
    return bool(copies) and all(
        copy.is_file() and copy.stat().st_mtime_ns >= path.stat().st_mtime_ns for path, copy in copies
    )


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env -S bash -c 'exec "${0%/*}/../utils/python.sh" "$0" "$@"'
"""One data dir of the utterances of several.

A table that one of the dirs lacks is left out, and said; but utt2uniq and segments are filled in. A record may stand
in two dirs if it is the same in both; if they differ, give one dir's ids a prefix first (utils/copy_data_dir.py).

Reads    <data-dir> ...
Writes   <new-dir>, sorted; tables that were there and that it no longer has are removed.

Example: utils/combine_data.py data/train_all data/train_clean data/train_other
"""

import sys
from argparse import Namespace
from pathlib import Path

from pseudovox.core import command
from pseudovox.core.errors import DataError, UsageError


def main(argv: list[str] | None = None) -> int:
    parser = command.parser(__doc__)
    parser.add_argument(
        "--extra-files", default="", metavar="'A B'", help="tables that all dirs must have (all others that all have "
        "are combined too)",
    )  # fmt: skip
    parser.add_argument(
        "--skip-fix", choices=("true", "false"), nargs="?", const="true", default="false",
        help="accepted as Kaldi does; what is written is sorted and checked in any case",
    )  # fmt: skip
    parser.add_argument("--allow-pipes", action="store_true", help="wav.scp may hold commands (they are not run here)")
    parser.add_argument("new_dir", type=Path)
    parser.add_argument("data_dirs", nargs="+", type=Path, metavar="data_dir")
    return command.main(parser, argv, run)


def run(args: Namespace) -> None:
    from pseudovox.data.datadir import DataDir

    if args.new_dir.resolve() in [path.resolve() for path in args.data_dirs]:
        raise UsageError(f"{args.new_dir}: is one of the data dirs to combine; name another one")
    dirs = [DataDir.load(path, allow_pipes=args.allow_pipes, audio=False) for path in args.data_dirs]
    combined, left_out = DataDir.combine(dirs, args.new_dir)
    for name in left_out:
        lacking = ", ".join(str(data.path) for data in dirs if name not in (*data.tables, *data.lists))
        if name in args.extra_files.split() or name == "wav.scp":
            raise DataError(f"{lacking}: the data dir lacks the file {name}")
        print(f"{args.new_dir}: left out {name}, which is not in {lacking}")
    combined.check(audio=False)
    combined.write()
    print(f"{args.new_dir}: {len(combined.utterances)} utterances of {len(combined.speakers)} speakers")


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env -S bash -c 'exec "${0%/*}/../utils/python.sh" "$0" "$@"'
"""Repair a data dir: sort it, and leave out what is malformed or not in every table; all that was done is printed.

Lines that repeat a key go (the first one stays), then utterances, speakers and recordings that a table lacks. utt2spk
decides: spk2utt is derived from it. The files as they were are kept in <data-dir>/.backup.

Reads    <data-dir>.
Writes   <data-dir>, which utils/validate_data_dir.py then accepts; or nothing, if it is sound, or if the fault is not
         to be repaired this way (exit code 3).

Example: utils/fix_data_dir.py data/mine
"""

import sys
from argparse import Namespace
from pathlib import Path

from pseudovox.core import command


def main(argv: list[str] | None = None) -> int:
    parser = command.parser(__doc__)
    parser.add_argument("--non-print", action="store_true", help="text may hold characters that cannot be printed")
    parser.add_argument("--no-spk-sort", action="store_true", help="order by speaker and by utterance may differ")
    parser.add_argument("--allow-pipes", action="store_true", help="wav.scp may hold commands (they are not run here)")
    parser.add_argument("data_dir", type=Path)
    return command.main(parser, argv, run)


def run(args: Namespace) -> None:
    from pseudovox.data.datadir.fix import fix, write_fixed

    fixed = fix(args.data_dir, allow_pipes=args.allow_pipes, non_print=args.non_print, no_spk_sort=args.no_spk_sort)
    kept = len(fixed.data.utterances)
    if fixed.changes:
        write_fixed(fixed)
        print("\n".join(f"{args.data_dir}/{change}" for change in fixed.changes))
        print(f"{args.data_dir}: the files as they were are in {args.data_dir}/.backup")
    print(f"{args.data_dir}: kept {'all ' if kept == fixed.utterances else f'{kept} of '}{fixed.utterances} utterances")


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env -S bash -c 'exec "${0%/*}/../utils/python.sh" "$0" "$@"'
"""Check a data dir by Kaldi's rules: tables that agree, sorted bytewise, speaker ids as prefixes of utterance ids.

Reads    <data-dir>. Writes nothing; prints one line if all is well, or the first fault, its file and line, and
         how to fix it (exit code 3). docs/data_dirs.md explains the format.

Example: utils/validate_data_dir.py --no-feats data/mini/train
"""

import sys
from argparse import Namespace
from pathlib import Path

from pseudovox.core import command


def main(argv: list[str] | None = None) -> int:
    parser = command.parser(__doc__)
    parser.add_argument("--no-text", action="store_true", help="the dir may lack text")
    parser.add_argument("--no-feats", action="store_true", help="the dir may lack feats.scp")
    parser.add_argument("--no-wav", action="store_true", help="the dir may lack wav.scp")
    parser.add_argument("--non-print", action="store_true", help="text may hold characters that cannot be printed")
    parser.add_argument("--no-spk-sort", action="store_true", help="order by speaker and by utterance may differ")
    parser.add_argument("--allow-pipes", action="store_true", help="wav.scp may hold commands (they are not run here)")
    parser.add_argument("data_dir", type=Path)
    return command.main(parser, argv, run)


def run(args: Namespace) -> None:
    from pseudovox.data.datadir.validate import validate

    options = {key: value for key, value in vars(args).items() if key != "data_dir"}
    data = validate(args.data_dir, **options)
    print(f"{data.path}: ok, {len(data.utterances)} utterances, {len(data.speakers)} speakers")
    if data.others:
        print(f"{data.path}: not looked at, as they are no tables: {' '.join(data.others)}")


if __name__ == "__main__":
    sys.exit(main())

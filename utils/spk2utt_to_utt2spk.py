#!/usr/bin/env -S bash -c 'exec "${0%/*}/../utils/python.sh" "$0" "$@"'
"""Turn spk2utt into utt2spk: lines `<utterance> <speaker>`, in the order in which they come.

Reads    the files named, or standard input.
Writes   to standard output.

Example: utils/spk2utt_to_utt2spk.py data/mine/spk2utt > data/mine/utt2spk
"""

import sys
from argparse import Namespace
from pathlib import Path

from pseudovox.core import command
from pseudovox.core.errors import DataError


def main(argv: list[str] | None = None) -> int:
    parser = command.parser(__doc__)
    parser.add_argument("files", nargs="*", type=Path, metavar="spk2utt")
    return command.main(parser, argv, run)


def run(args: Namespace) -> None:
    from pseudovox.data.datadir import check_id, read_table

    utt2spk: dict[str, str] = {}
    for path in args.files or [Path("/dev/stdin")]:
        for speaker, utterances in read_table(path).items():
            for utterance in utterances.split():
                check_id(utterance, f"{path}, speaker {speaker}")
                if utterance in utt2spk:
                    raise DataError(f"{path}: {utterance} stands twice, with {utt2spk[utterance]} and {speaker}")
                utt2spk[utterance] = speaker
    sys.stdout.reconfigure(encoding="utf-8")  # type: ignore[union-attr]
    sys.stdout.writelines(f"{utterance} {speaker}\n" for utterance, speaker in utt2spk.items())


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env -S bash -c 'exec "${0%/*}/../utils/python.sh" "$0" "$@"'
"""Turn utt2spk into spk2utt: lines `<speaker> <utterance> <utterance> ...`, in the order in which they come.

Reads    the files named, or standard input.
Writes   to standard output.

Example: utils/utt2spk_to_spk2utt.py data/mine/utt2spk > data/mine/spk2utt
"""

import sys
from argparse import Namespace
from pathlib import Path

from pseudovox.core import command
from pseudovox.core.errors import DataError


def main(argv: list[str] | None = None) -> int:
    parser = command.parser(__doc__)
    parser.add_argument("files", nargs="*", type=Path, metavar="utt2spk")
    return command.main(parser, argv, run)


def run(args: Namespace) -> None:
    from pseudovox.data.datadir import check_id, read_table

    speakers: dict[str, list[str]] = {}
    seen: dict[str, Path] = {}
    for path in args.files or [Path("/dev/stdin")]:
        for utterance, speaker in read_table(path).items():
            check_id(speaker, f"{path}, utterance {utterance}")
            if utterance in seen:
                raise DataError(f"{path}: {utterance} stands in {seen[utterance]} too")
            seen[utterance] = path
            speakers.setdefault(speaker, []).append(utterance)
    sys.stdout.reconfigure(encoding="utf-8")  # type: ignore[union-attr]
    sys.stdout.writelines(f"{speaker} {' '.join(utterances)}\n" for speaker, utterances in speakers.items())


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env -S bash -c 'exec "${0%/*}/../utils/python.sh" "$0" "$@"'
"""Download corpora and pretrained weights, or say whom to ask for them.

NAME is an entry of conf/downloads/corpora.yaml or models.yaml, a corpus of several parts (librispeech: all of them),
or a recipe (vpc2024: all that it needs).

Reads    conf/downloads/*.yaml: address, size, checksums, licence.
Writes   <DIR>/<corpus>, unpacked as local/prepare_*.py read it; weights go to torchaudio's cache, where they are looked
         for. A marker in .downloads beside says what was fetched. What is there already is left as it is: your own
         tree, too.

A download that was interrupted is continued by the same command. Archives are checked for size and checksum and
unpacked aside; what is in place is whole. Corpora that nobody may pass on have to be asked for: the exit code is then
4, and the message says whom.

Example: local/download.py --list; local/download.py --to /big/corpora librispeech-dev-clean ravdess
"""

import logging
import sys
from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from pseudovox.core import command
from pseudovox.core.errors import DataError, MissingModelError, PseudovoxError, UsageError

if TYPE_CHECKING:
    from pseudovox.corpora.downloads.catalogue import Entry


def main(argv: list[str] | None = None) -> int:
    parser = command.parser(__doc__)
    parser.add_argument("--list", action="store_true", help="what there is (of these names), and download nothing")
    parser.add_argument(
        "--to", type=Path, metavar="DIR", help="folder of the corpora (corpora), or for weights (torchaudio's cache)"
    )
    parser.add_argument("names", nargs="*", metavar="NAME")
    try:
        return command.main(parser, argv, run)
    except KeyboardInterrupt:
        print(f"{parser.prog}: interrupted; run it again to go on from here", file=sys.stderr)
        return 130


def run(args: Namespace) -> None:
    from pseudovox.corpora.downloads import catalogue, download

    entries = catalogue.read()
    if args.list:
        return show(catalogue.choose(entries, args.names or list(entries)), args.to)
    if not args.names:
        raise UsageError("download what?", "local/download.py --list")
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    failed: list[PseudovoxError] = []
    for entry in catalogue.choose(entries, args.names):
        try:
            download(entry, args.to)
        except (DataError, MissingModelError) as error:  # the others can still be had
            failed.append(error)
            print(f"{entry.name}: {error}", file=sys.stderr)
    if failed:
        worst = min(failed, key=lambda error: error.exit_code)
        raise type(worst)(f"{len(failed)} of the downloads are not there, as said above")


def show(entries: "list[Entry]", to: Path | None) -> None:
    """A table of the entries on standard output."""
    from pseudovox.corpora.downloads import gigabytes, is_there

    rows = [("name", "size", "", "needed by", "licence", "see")]
    lacking = [one for one in entries if not is_there(one.place(to))]
    for one in entries:
        state = "there" if one not in lacking else "ask for it" if one.ask else ""
        size = "" if one.ask else gigabytes(one.size)
        rows.append((one.name, size, state, " ".join(one.needed_by), one.licence, one.home))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(word.ljust(width) for word, width in zip(row, widths, strict=True)).rstrip())
    known, unpacked = sum(one.size for one in lacking), sum(one.unpacked for one in lacking)
    print(f"\nto be downloaded, where known: {gigabytes(known) if known else 'none'}; unpacked up to {unpacked:.0f} GB")


if __name__ == "__main__":
    sys.exit(main())

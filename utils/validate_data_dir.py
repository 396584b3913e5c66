#!/usr/bin/env python3
"""Check a data dir by Kaldi's rules: tables that agree, sorted bytewise, speaker ids as prefixes of utterance ids.

Reads    <data-dir>. Writes nothing; prints one line if all is well, or the first fault, its file and line, and
         what mends it (exit code 3).

Example: utils/validate_data_dir.py --no-feats data/mini/train
"""

import argparse
import sys
from pathlib import Path

from pseudovox.datadir import DataDir, bytewise, read_table
from pseudovox.errors import DataError, PseudovoxError


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--no-text", action="store_true", help="the dir may lack text")
    parser.add_argument("--no-feats", action="store_true", help="the dir may lack feats.scp")
    parser.add_argument("--no-wav", action="store_true", help="accepted as Kaldi does; wav.scp is needed all the same")
    parser.add_argument("--non-print", action="store_true", help="text may hold characters that cannot be printed")
    parser.add_argument("--no-spk-sort", action="store_true", help="order by speaker and by utterance may differ")
    parser.add_argument("--allow-pipes", action="store_true", help="wav.scp may hold commands (they are not run here)")
    parser.add_argument("data_dir", type=Path)
    args = parser.parse_args(argv)
    try:
        data = validate(args)
    except PseudovoxError as error:
        print(f"{parser.prog}: {error}", file=sys.stderr)
        return error.exit_code
    print(f"{data.path}: ok, {len(data.utterances)} utterances, {len(data.speakers)} speakers")
    return 0


def validate(args: argparse.Namespace) -> DataDir:
    data = DataDir.load(args.data_dir, allow_pipes=args.allow_pipes)
    for name, waived, option in (("text", args.no_text, "--no-text"), ("feats.scp", args.no_feats, "--no-feats")):
        if name not in data.tables and not waived:
            raise DataError(
                f"{data.path}: the data dir lacks the file {name}", f"give {option} if it need not be there"
            )
    for name, table in data.tables.items():
        for number, (found, sorted_key) in enumerate(zip(table, bytewise(table), strict=True), 1):
            if found != sorted_key:
                raise DataError(
                    f"{data.path}/{name}:{number}: not sorted bytewise: {found} stands where {sorted_key} belongs",
                    f"LC_ALL=C sort -o {data.path / name} {data.path / name}",
                )
    if not args.no_spk_sort:
        by_speaker = sorted(data.utterances, key=lambda one: (data.utt2spk[one].encode(), one.encode()))
        for number, (found, expected) in enumerate(zip(data.utterances, by_speaker, strict=True), 1):
            if found != expected:
                raise DataError(
                    f"{data.path}/utt2spk:{number}: sorted by speaker, {expected} would stand here, not {found}",
                    "make speaker ids prefixes of utterance ids (<speaker>-<utterance>), or give --no-spk-sort",
                )
    for utterance, words in data.tables.get("text", {}).items():
        if not args.non_print and not words.isprintable():
            raise DataError(f"{data.path}/text: {utterance}: a character that cannot be printed", "give --non-print")
    spk2utt = {speaker: " ".join(utterances) for speaker, utterances in data.spk2utt.items()}
    if read_table(data.path / "spk2utt") != spk2utt:
        raise DataError(f"{data.path}/spk2utt: does not agree with utt2spk", "delete it and derive it from utt2spk")
    return data


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env -S bash -c 'exec "${0%/*}/../utils/python.sh" "$0" "$@"'
"""A data dir of some of the utterances of another one; every table is cut to fit.

  subset_data_dir.py [--speakers|--shortest|--first|--last|--per-spk] <data-dir> <number> <new-dir>
  subset_data_dir.py --spk-list <file>|--utt-list <file> <data-dir> <new-dir>

Without an option <number> utterances are taken evenly from the whole dir, always the same ones.

Reads    <data-dir>.
Writes   <new-dir>; tables that were there and that it no longer has are removed.

Example: utils/subset_data_dir.py --per-spk data/mini/train 5 data/mini/train_5each
"""

import sys
from argparse import Namespace
from pathlib import Path

from pseudovox.core import command
from pseudovox.core.errors import DataError, UsageError


def main(argv: list[str] | None = None) -> int:
    parser = command.parser(__doc__)
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--first", action="store_true", help="the first <number> utterances")
    how.add_argument("--last", action="store_true", help="the last <number> utterances")
    how.add_argument("--shortest", action="store_true", help="the shortest ones")
    how.add_argument("--per-spk", action="store_true", help="<number> of each speaker, all where there are fewer")
    how.add_argument("--speakers", action="store_true", help="random speakers, until there are <number> utterances")
    how.add_argument("--spk-list", type=Path, metavar="FILE", help="the speakers that stand first in the file's lines")
    how.add_argument("--utt-list", type=Path, metavar="FILE", help="the utterances that stand first in its lines")
    parser.add_argument("--seed", type=int, default=1, help="of --speakers (default: %(default)s)")
    parser.add_argument("--allow-pipes", action="store_true", help="wav.scp may hold commands (they are not run here)")
    parser.add_argument("arguments", nargs="+", metavar="data-dir [number] new-dir")
    return command.main(parser, argv, run)


def run(args: Namespace) -> None:
    from pseudovox.data.datadir import DataDir

    by_list = args.spk_list or args.utt_list
    if len(args.arguments) != (2 if by_list else 3):
        raise UsageError("expected <data-dir> <new-dir>" if by_list else "expected <data-dir> <number> <new-dir>")
    source, target = Path(args.arguments[0]), Path(args.arguments[-1])
    if source.resolve() == target.resolve():
        raise UsageError(f"{target}: is the data dir itself; name another one for the subset")
    data = DataDir.load(source, allow_pipes=args.allow_pipes, audio=False)
    chosen = listed(args, data) if by_list else counted(args, data, args.arguments[1])
    data.subset(chosen).write(target)
    print(f"{target}: {len(chosen)} of the {len(data.utterances)} utterances of {source}")


def listed(args: Namespace, data) -> list[str]:  # type: ignore[no-untyped-def]
    """The utterances that a list file names; what it names in vain is told, as Kaldi's users pass larger lists."""
    from pseudovox.data.datadir.selection import read_list

    known = data.spk2utt if args.spk_list else data.utt2spk
    names = read_list(args.spk_list or args.utt_list)
    found = [name for name in names if name in known]
    if not found:
        raise DataError(f"{args.spk_list or args.utt_list}: names nothing that is in {data.path}")
    if len(found) < len(names):
        missing = next(name for name in names if name not in known)
        print(
            f"{len(names) - len(found)} of {len(names)} names are not in {data.path}, e.g. {missing}", file=sys.stderr
        )
    return [utterance for name in found for utterance in data.spk2utt[name]] if args.spk_list else found


def counted(args: Namespace, data, words: str) -> list[str]:  # type: ignore[no-untyped-def]
    """The utterances that a number and an option mean."""
    from pseudovox.data.datadir import selection

    if not words.isdecimal() or not int(words):
        raise UsageError(f"{words!r}: expected a number of utterances above 0")
    number = int(words)
    if args.per_spk:
        return selection.per_speaker(data, number)
    if number > len(data.utterances):
        raise DataError(
            f"{data.path}: has {len(data.utterances)} utterances, not {number}", f"ask for {len(data.utterances)}"
        )
    if args.speakers:
        return selection.random_speakers(data, number, args.seed)
    if args.shortest:
        return selection.shortest(data, number)
    if args.first:
        return data.utterances[:number]
    return data.utterances[-number:] if args.last else selection.spread(data.utterances, number)


if __name__ == "__main__":
    sys.exit(main())

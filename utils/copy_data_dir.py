#!/usr/bin/env -S bash -c 'exec "${0%/*}/../utils/python.sh" "$0" "$@"'
"""Copy a data dir, with a prefix or suffix for the ids of utterances and speakers; recordings keep theirs.

Reads    <data-dir>.
Writes   <new-dir>, checked as utils/validate_data_dir.py does before it is written.

Example: utils/copy_data_dir.py --utt-prefix=clean- --spk-prefix=clean- data/train data/train_clean
"""

import shlex
import sys
from argparse import Namespace
from pathlib import Path

from pseudovox.core import command
from pseudovox.core.errors import UsageError


def main(argv: list[str] | None = None) -> int:
    parser = command.parser(__doc__)
    for what in ("utt", "spk"):
        for place in ("prefix", "suffix"):
            parser.add_argument(f"--{what}-{place}", default="", help=f"for the ids of {what}s (default: none)")
    parser.add_argument("--validate-opts", default="", metavar="'--no-spk-sort ...'", help="see validate_data_dir.py")
    parser.add_argument("--allow-pipes", action="store_true", help="wav.scp may hold commands (they are not run here)")
    parser.add_argument("data_dir", type=Path)
    parser.add_argument("new_dir", type=Path)
    return command.main(parser, argv, run)


def run(args: Namespace) -> None:
    from pseudovox.data.datadir import DataDir
    from pseudovox.data.datadir.validate import check_content

    waived = set(shlex.split(args.validate_opts))
    # Tables may be absent here in any case, as Kaldi's script has it.
    unknown = waived - {"--no-text", "--no-feats", "--no-wav", "--non-print", "--no-spk-sort"}
    if unknown:
        raise UsageError(f"--validate-opts: no option {sorted(unknown)[0]}")
    if args.data_dir.resolve() == args.new_dir.resolve():
        raise UsageError(f"{args.new_dir}: is the data dir itself; name another one for the copy")
    data = DataDir.load(args.data_dir, allow_pipes=args.allow_pipes, audio=False)
    copy = data.renamed(
        lambda utterance: f"{args.utt_prefix}{utterance}{args.utt_suffix}",
        lambda speaker: f"{args.spk_prefix}{speaker}{args.spk_suffix}",
        args.new_dir,
    )
    copy.check(audio=False)
    check_content(copy, non_print="--non-print" in waived, no_spk_sort="--no-spk-sort" in waived)
    copy.write()
    print(f"{args.new_dir}: {len(copy.utterances)} utterances of {args.data_dir}")
    if data.others:
        print(f"{args.new_dir}: without files that are no tables: {' '.join(data.others)}")


if __name__ == "__main__":
    sys.exit(main())

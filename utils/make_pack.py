#!/usr/bin/env -S bash -c 'exec "${0%/*}/../utils/python.sh" "$0" "$@"'
"""Make a pack of the models that a recipe trained: what pretrained/ holds, to be used and given away.

Networks are stored in half precision where that is harmless, without logs, optimiser states and the classifier of the
training speakers; of pseudo-speakers the mixtures, never a pool of x-vectors. Each model gets a card (README.md), and
the pack one with what recipes/<recipe>/pack.md says by hand: licences of the data, and what the models are not for.

Reads   <exp-dir>/models and <exp-dir>/config.yaml; for the hours of speech, the data dirs (--data-dir).
Writes  <pack-dir>: the models, config.yaml, expected.json, README.md. Its name is the recipe's.

Example: utils/make_pack.py exp/openspeech pretrained/openspeech
"""

import argparse
import os
import shutil
import sys
from pathlib import Path

from pseudovox.core import command


def main(argv: list[str] | None = None) -> int:
    parser = command.parser(__doc__)
    parser.add_argument("exp_dir", type=Path, metavar="exp-dir", help="of the run that trained the models")
    parser.add_argument("pack_dir", type=Path, metavar="pack-dir", help="e.g. pretrained/<recipe>")
    parser.add_argument("--recipe", help="that made them (the name of the pack)")
    parser.add_argument("--data-dir", type=Path, help="the recipe's data dirs (data/<name of exp-dir>)")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="as the recipe was run with")
    parser.add_argument("--force", action="store_true", help="replace a pack that is there")
    return command.main(parser, argv, run)


def run(args: argparse.Namespace) -> None:
    from pseudovox.config import packs
    from pseudovox.core.errors import DataError
    from pseudovox.devtools import packing

    final = args.pack_dir
    if final.exists() and not (args.force and (final / packs.EXPECTED).is_file()):
        hint = "--force replaces it" if (final / packs.EXPECTED).is_file() else "give another folder"
        raise DataError(f"{final}: is there already", hint)
    aside = final.with_name(f"{final.name}.partial")
    shutil.rmtree(aside, ignore_errors=True)
    data = args.data_dir or Path("data") / args.exp_dir.resolve().name
    try:
        made = packing.make(args.exp_dir, aside, args.recipe or final.resolve().name, data, args.set)
    except BaseException:
        shutil.rmtree(aside, ignore_errors=True)
        raise
    if final.exists():
        shutil.rmtree(final)
    os.replace(aside, final)
    for note in made.notes:
        print(note)
    print(f"{final}: {made.bytes / 2**20:.2f} MiB in all, of {packing.LARGEST_BYTES // 2**20} at most")


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env -S bash -c 'exec "${0%/*}/../utils/python.sh" "$0" "$@"'
"""Does a script of yours keep what a step promises? Runs it on the smallest data and lists the breaches.

The script is put in the place of a step of run.sh (configuration section `steps`), with the very command line that
run.sh would give it, on a made corpus of some 40 utterances and, where it needs them, random models: offline, in
seconds (a training step: a minute or two). It runs some ten times: with one job and two, with the data dirs in
another order, killed and run again, on bad data. What is promised stands in recipes/README.md.

Reads   the script; <stage>, a key of section `steps`: the name of the stage, or of one of its further steps; or
        `system`, for a script that is a whole system (system.step). For stage data, the script's own arguments follow,
        as they stand in data.prepare: DATA is the folder of the data dirs.
Writes  nothing (a temporary folder, which --keep DIR keeps).

Exit code 0: everything holds; 3: breaches, which are listed.

Examples
    utils/check_step.py recipes/example_swap/steps/sample_uniform.py sample
    utils/check_step.py local/prepare_mini.py data --size smoke DATA
"""

import argparse
import sys
import tempfile
from pathlib import Path

from pseudovox.core.errors import PseudovoxError


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--keep", type=Path, metavar="DIR", help="work in DIR, which must not exist, and leave it there"
    )
    parser.add_argument("script", type=Path)
    parser.add_argument("stage", help="a key of section steps, e.g. sample; system; data")
    parser.add_argument("words", nargs=argparse.REMAINDER, metavar="...", help="stage data: the script's arguments")
    args = parser.parse_args(argv)
    try:
        if args.keep:
            args.keep.mkdir(parents=True)
            return _check(args, args.keep.resolve())
        with tempfile.TemporaryDirectory(prefix="check_step.") as folder:
            return _check(args, Path(folder))
    except FileExistsError:
        print(f"check_step.py: {args.keep}: exists already; give a new folder", file=sys.stderr)
        return 2
    except PseudovoxError as error:
        print(f"check_step.py: {error}", file=sys.stderr)
        return error.exit_code
    except OSError as error:
        print(f"check_step.py: {error.strerror}: {error.filename}", file=sys.stderr)
        return 3
    except KeyboardInterrupt:
        return 130


def _check(args: argparse.Namespace, folder: Path) -> int:
    from pseudovox.devtools.stepcheck.rehearsal import Rehearsal

    def tell(title: str, breaches: list[str]) -> None:
        print(f"{'BREACH' if breaches else 'ok    '}  {title}", flush=True)
        for breach in breaches:
            print(f"    - {breach}", flush=True)

    breaches = Rehearsal(args.script, args.stage, folder, args.words).check(tell)
    if breaches:
        print(f"{args.script} in the place of {args.stage}: {breaches} breaches", flush=True)
        return 3
    print(f"{args.script} can take the place of {args.stage}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

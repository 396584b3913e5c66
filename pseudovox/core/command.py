"""The frame of the small programs in utils/: manual page, messages and exit codes, without what a step needs."""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Callable, Iterable

from pseudovox.core.errors import DataError, PseudovoxError


def parser(manual: str | None) -> argparse.ArgumentParser:
    """An argument parser whose --help is the program's docstring."""
    return argparse.ArgumentParser(
        description=manual, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )


def main(made: argparse.ArgumentParser, argv: list[str] | None, run: Callable[[argparse.Namespace], None]) -> int:
    """Parse and run; errors become a message and an exit code (0 done, 2 usage, 3 bad data, 4 missing corpus).

    As in Kaldi, option names may be written with _ for -, and the value of an option may begin with -.
    """
    args = made.parse_args(_as_kaldi(made, sys.argv[1:] if argv is None else argv))
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # ids that the locale cannot show
    try:
        run(args)
        sys.stdout.flush()
    except PseudovoxError as error:
        print(f"{made.prog}: {error}", file=sys.stderr)
        return error.exit_code
    except BrokenPipeError:  # the reader of our output has gone, e.g. head
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        # Disk full, read-only folder, no permission: the user's to hint, so no traceback.
        print(f"{made.prog}: {error.strerror}: {error.filename or ''}", file=sys.stderr)
        return DataError.exit_code
    return 0


def _as_kaldi(made: argparse.ArgumentParser, words: Iterable[str]) -> list[str]:
    """The words of a command line as argparse takes them."""
    valued = {name for action in made._actions if action.nargs is None for name in action.option_strings}
    given: list[str] = []
    for word in words:
        if given and given[-1] in valued:
            given[-1] += f"={word}"
        elif word.startswith("--"):
            name, equals, value = word.partition("=")
            given.append(name.replace("_", "-") + equals + value)
        else:
            given.append(word)
    return given

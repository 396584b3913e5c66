"""Errors that a user is meant to read: what is wrong, where, and the command that fixes it.

Each class carries the exit code of the step that raises it (the table is in recipes/README.md).
Anything else that escapes a step is a bug and is shown with its traceback.
"""

from __future__ import annotations

import shlex
from pathlib import Path


class PseudovoxError(Exception):
    """Base of all errors that are reported without a traceback.

    Args:
        message: what was found and what was expected, naming file and line where there are some.
        hint: a command or an action that puts it right; printed on a line of its own.
    """

    exit_code = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n  hint: {self.hint}" if self.hint else self.message

    def __reduce__(self) -> tuple[type[PseudovoxError], tuple[str, str]]:
        # Errors cross process borders (fan-out); the default would lose `hint`.
        return type(self), (self.message, self.hint)


class UsageError(PseudovoxError):
    """The command line or the configuration is wrong (exit code 2)."""

    exit_code = 2


class DataError(PseudovoxError):
    """Bad data, or output that conflicts with what was asked for (exit code 3)."""

    exit_code = 3


class MissingModelError(PseudovoxError):
    """A model or a corpus that the step needs is not there (exit code 4)."""

    exit_code = 4


class SomeUtterancesFailed(PseudovoxError):
    """Some utterances failed; they are listed in failed.tsv with the reason (exit code 5)."""

    exit_code = 5


def recode(path: Path) -> str:
    """The hint for a text that is not UTF-8: the command that rewrites it in place."""
    old, new = shlex.quote(str(path)), shlex.quote(f"{path}.utf-8")
    return f"iconv -f latin1 -t utf-8 {old} > {new} && mv {new} {old}, if it is in Latin-1 (else name its encoding)"

"""Praat, by the package parselmouth, which is an extra."""

from __future__ import annotations

from typing import Any

from pseudovox.core.errors import UsageError


def import_praat(what: str, without: str) -> Any:
    """The module parselmouth, which is Praat.

    Args:
        what: needs it, and what to set to do without it, for the message.

    Raises:
        UsageError: it is not installed.
    """
    try:
        import parselmouth.praat
    except ImportError:
        raise UsageError(f"{what} needs a package", f"utils/install.sh praat, or {without}") from None
    return parselmouth

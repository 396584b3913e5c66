"""Where the checkout lies, or what an installed package has in its place."""

from __future__ import annotations

from pathlib import Path


def _root() -> Path:
    """Where conf/ and pretrained/ lie: the checkout, or, of an installed package, the folder in it that has both."""
    package = Path(__file__).resolve().parents[1]
    checkout = package.parent
    return checkout if (checkout / "conf/default.yaml").is_file() else package / "share"


ROOT = _root()  # with conf/ and pretrained/; in a checkout alone with recipes/, steps/ ... as well

"""What a result may depend on besides its settings and inputs: versions, and the commit of the checkout."""

from __future__ import annotations

import contextlib
import platform
import subprocess

from pseudovox import __version__
from pseudovox.core import checkout


def versions() -> dict[str, str]:
    """What the result may depend on: the code's commit and the versions of the numeric packages."""
    from importlib.metadata import PackageNotFoundError, version

    found = {"pseudovox": __version__, "python": platform.python_version(), "commit": commit()}
    for package in ("torch", "numpy", "scikit-learn", "pyworld-prebuilt"):
        with contextlib.suppress(PackageNotFoundError):
            found[package] = version(package)
    return found


def commit() -> str:
    """The checkout's commit, "-dirty" behind it if tracked files were changed; "unknown" outside git."""
    if not (checkout.ROOT / "pyproject.toml").is_file():
        return "unknown"  # an installed package; the repository around it, if any, is another's
    try:
        done = subprocess.run(
            ["git", "-C", str(checkout.ROOT), "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"],
            capture_output=True, text=True, timeout=10,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return done.stdout.strip() or "unknown"

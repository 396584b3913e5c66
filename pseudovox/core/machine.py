"""What a machine and its Python environment have, without a package of ours or another's: before anything is installed.

Any Python 3.7 or later reads this file.
"""

from __future__ import annotations

import contextlib
import os
import platform
import re
import subprocess
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[2]
GIGABYTE = 1e9
LEAST_PYTHON = (3, 11)  # that pinned packages are made for; as in pyproject.toml, utils/install.sh and the README
OK, NOTE, MISSING, WRONG = "ok", "note", "MISSING", "WRONG"
INSTALL = "utils/install.sh (./run.sh does it on its first run; PyTorch is a download of some GB)"


def memory() -> str:
    """Free and total memory in words, within the container's limit."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        kilobytes = {line.split(":")[0]: int(line.split()[1]) for line in lines}
        total, free = 1024 * kilobytes["MemTotal"], 1024 * kilobytes["MemAvailable"]
    except (OSError, ValueError, LookupError):
        return "unknown"
    with contextlib.suppress(OSError, ValueError):  # a container's limit; "max" where there is none
        total = min(total, int(Path("/sys/fs/cgroup/memory.max").read_text()))
    return f"{min(free, total) / GIGABYTE:.1f} of {total / GIGABYTE:.1f} GB free"


def processor() -> str:
    """The processor's name and its number of cores in words."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{names[0] if names else platform.machine()}, {len(names) or os.cpu_count()} cores"


def existing(folder: Path) -> Path:
    """The folder, or the nearest one above it that is there."""
    folder = folder.absolute()
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return folder


def gpu() -> tuple[str, str, str]:
    """(status, "GPU", what nvidia-smi tells: names, memory, driver)."""
    query = ["nvidia-smi", "--query-gpu=name,memory.total,driver_version", "--format=csv,noheader"]
    try:
        shown = subprocess.run(query, capture_output=True, timeout=30)
    except (OSError, subprocess.SubprocessError):
        return NOTE, "GPU", "none found (no nvidia-smi): everything runs on the CPU"
    lines = [line.split(", ") for line in shown.stdout.decode(errors="replace").splitlines() if line.count(", ") == 2]
    if shown.returncode or not lines:
        return NOTE, "GPU", "none that works (nvidia-smi failed): everything runs on the CPU"
    cards = "; ".join(f"{name}, {size}" for name, size, _ in lines)
    return OK, "GPU", f"{cards} (driver {lines[0][2]})"


def constraints() -> dict[str, str]:
    """The version that constraints.txt pins, by package."""
    lines = (_ROOT / "constraints.txt").read_text(encoding="utf-8").split()
    return {name: version for name, _, version in (line.partition("==") for line in lines)}


def dependencies() -> set[str]:
    """The packages that pyproject.toml names as needed."""
    text = (_ROOT / "pyproject.toml").read_text(encoding="utf-8")
    block = re.search(r"^dependencies = \[(.*?)^\]", text, re.DOTALL | re.MULTILINE)
    return set(re.findall(r'"([\w.-]+)', block[1])) if block else set()


def installed(package: str) -> str | None:
    """The version of a package, or None."""
    try:
        from importlib.metadata import PackageNotFoundError, version
    except ImportError:  # Python 3.7
        return None
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def torch_line() -> tuple[str, ...]:
    """(status, "torch", version and device in words[, hint])."""
    try:
        import torch
        import torchaudio  # noqa: F401  # it loads only beside the torch that it was built for
    except Exception as error:  # a broken installation raises anything
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        return MISSING, "torch", f"cannot be imported: {reason[:120]}", f"rm -r .venv, then {INSTALL}"
    if torch.cuda.is_available():
        return OK, "torch", f"{torch.__version__}, uses CUDA on {torch.cuda.get_device_name(0)}"
    if gpu()[0] == OK:
        driver = "a driver for CUDA 13, or in .venv the torch of an older CUDA (pytorch.org)"
        return NOTE, "torch", f"{torch.__version__}, on the CPU: it cannot use the GPU that is there", driver
    return OK, "torch", f"{torch.__version__}, on the CPU"


def cores() -> int:
    """The processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

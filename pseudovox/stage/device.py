"""The device that a step computes on."""

from __future__ import annotations

from pseudovox.core.errors import UsageError


def resolve_device(asked: str) -> str:
    """The device that `--device` means here; UsageError if it was asked for and does not work."""
    if asked == "cpu":
        return asked
    import torch

    if asked == "auto":
        asked = "cuda" if torch.cuda.is_available() else "cpu"
    elif asked.startswith("cuda") and not torch.cuda.is_available():
        raise UsageError(f"--device {asked}: no CUDA device works here", "--device cpu")
    try:
        torch.device(asked)
    except RuntimeError:
        raise UsageError(f"--device {asked}: expected auto, cpu, cuda or cuda:<n>") from None
    return asked

"""Vector quantisers behind one interface, by the names that the configuration uses.

interface.py says what a quantiser is; each kind is a module here: vq (moving averages), vq_plain, nsvq, sfvq, and
residual and grouped (several.py). curve.py and codebook.py are what is left of one when it is trained: arrays.
"""

from __future__ import annotations

from typing import Any

from pseudovox.core.errors import UsageError
from pseudovox.models.quantizers.interface import KINDS, Quantized, VectorQuantizer
from pseudovox.models.quantizers.nsvq import NoiseSubstitution
from pseudovox.models.quantizers.several import Grouped, Residual
from pseudovox.models.quantizers.sfvq import SpaceFilling
from pseudovox.models.quantizers.vq import Quantizer
from pseudovox.models.quantizers.vq_plain import PlainQuantizer

__all__ = [
    "KINDS", "SEVERAL", "Grouped", "NoiseSubstitution", "PlainQuantizer", "Quantized", "Quantizer", "Residual",
    "SpaceFilling", "VectorQuantizer", "build", "find",
]  # fmt: skip


SEVERAL = ("residual", "grouped")  # kinds of several codebooks, each of kind vq


def find(kind: str) -> type[VectorQuantizer]:
    """The quantiser of a name; UsageError that lists all."""
    if kind not in KINDS:
        raise UsageError(f"quantiser {kind!r}: expected one of {', '.join(sorted(KINDS))}")
    return KINDS[kind]


def build(kind: str, codes: int, dimension: int, **options: Any) -> VectorQuantizer:
    """A quantiser for a network, of `codes` codes of a dimension; `options` are the kind's own."""
    return find(kind)(codes, dimension, **options)

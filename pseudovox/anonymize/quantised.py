"""Pseudo-speakers that are codewords: of the source's x-vector, so many bits pass, and nothing else.

Vali and Bäckström 2024, "Privacy PORCUPINE: Anonymization of Speaker Attributes Using Occurrence Normalization for
Space-Filling Vector Quantization". The codebook is trained on the x-vectors of the pool's utterances; with occurrence
normalisation each of its 2^B codes is as frequent as any other, so that everybody's code tells B bits.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pseudovox.anonymize import genders as gender_model
from pseudovox.anonymize.genders import GenderModel
from pseudovox.anonymize.strategy import GENDERS, Pool, Source, Strategy, check_spread
from pseudovox.core.errors import DataError, UsageError
from pseudovox.metrics import disclosure
from pseudovox.models.quantizers.codebook import Codebook, normalise

if TYPE_CHECKING:
    from pseudovox.config import PseudoSpeakers
    from pseudovox.kinds.strategies.quantised import Options

MOST_BITS = 8


class Quantised(Strategy):
    """The codeword of the source's x-vector: the speaker's, or at utterance level the utterance's own.

    The gender of the pseudo-speaker, which F0 is moved by, is that of the codeword, whatever the source's is: it would
    be a bit more.

    Args:
        codebook: of x-vectors.
        gender: tells codewords' genders; None = the pool is of one gender.
        facts: see Strategy.facts.
    """

    name = "quantised"
    gendered = False
    own_gender = True

    def __init__(self, codebook: Codebook, gender: GenderModel | None, facts: Mapping[str, Any] | None = None) -> None:
        self.codebook, self.gender, self._facts = codebook, gender, dict(facts or {})

    @classmethod
    def fit(cls, pool: Pool, options: Options, seed: int) -> Quantised:
        from pseudovox.models import quantizers
        from pseudovox.models.quantizers.fitting import Fit

        if not 1 <= options.bits <= MOST_BITS:
            raise UsageError(f"pseudo.bits {options.bits}: expected 1 to {MOST_BITS}")
        if options.cross_gender:
            raise UsageError(
                "pseudo.cross_gender: a codeword of the other gender would tell the source's by what it is not",
                "--set pseudo.cross_gender=false",
            )
        check_spread(pool.vectors)
        vectors = pool.vectors if pool.utterances is None else pool.utterances
        if len(vectors) < 2**options.bits:
            raise DataError(
                f"the pool's {len(vectors)} utterances cannot train a codebook of {options.bits} bits",
                f"a larger pool, or --set pseudo.bits={max(1, len(vectors).bit_length() - 1)}",
            )
        kind = quantizers.find(options.quantizer)
        # A curve begins with 4 corners; fewer codes are resampled from it.
        bits = max(options.bits, 2) if kind.is_curve else options.bits
        book = kind.fit(vectors, [bits], Fit(updates=options.updates), seed)[bits]
        if options.normalised and not kind.is_curve:
            raise UsageError(
                f"pseudo.normalised: codes of kind {options.quantizer} have no order, along which they could be shared",
                "--set pseudo.quantizer=sfvq, or --set pseudo.normalised=false",
            )
        if options.normalised:
            book = normalise(book.vectors, vectors, 2**options.bits)
        elif bits > options.bits:
            book = book.coarser(options.bits)
        counts = disclosure.histogram(book.encode(vectors), len(book.vectors))
        facts: dict[str, Any] = {
            "utterances": len(vectors), "codes": len(book.vectors),
            "worst_case_bits": round(disclosure.worst_case(counts), 3),
            "average_bits": round(disclosure.average(counts), 3),
            "variance_kept": round(1 - book.mean_squared_error(vectors) / float(vectors.var(0).mean()), 3),
        }  # fmt: skip
        gender, found = gender_model.fit(pool)
        return cls(book, gender, facts | found)

    def draw_all(self, sources: Sequence[Source], generators: Iterable[np.random.Generator]) -> np.ndarray:
        # One by one: in a whole product the rounding of a row depends on its company.
        codes = [int(self.codebook.encode(source.own[None])[0]) for source in sources]
        return np.asarray(self.codebook.vectors[codes], np.float32)

    def gender_of(self, vector: np.ndarray) -> str:
        return GENDERS[0] if self.gender is None else self.gender.of(vector)

    def arrays(self) -> dict[str, np.ndarray]:
        parts = {"codebook": self.codebook.arrays(), "gender": {} if self.gender is None else vars(self.gender)}
        return {f"{part}.{name}": value for part, own in parts.items() for name, value in own.items()}

    @classmethod
    def restore(cls, arrays: Mapping[str, np.ndarray], options: PseudoSpeakers) -> Quantised:
        parts: dict[str, dict[str, np.ndarray]] = {"codebook": {}, "gender": {}}
        for name, value in arrays.items():
            part, _, own = name.partition(".")
            if part not in parts:
                raise ValueError(f"holds {name}; expected codebook and gender")
            parts[part][own] = value
        gender = gender_model.restore(parts["gender"]) if parts["gender"] else None
        return cls(Codebook.restore(parts["codebook"]), gender)

    def facts(self) -> dict[str, Any]:
        return self._facts

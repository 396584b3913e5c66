"""What a strategy for pseudo-speakers is: fitted on a pool of speakers, then asked for x-vectors.

Every request brings its own random generator, so what a speaker gets depends on no other (but for strategies that give
nobody what another has: `joint`). pseudovox/kinds/strategies
has a module for each strategy, with its options; its `implementation` is a subclass of Strategy.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import numpy as np

from pseudovox.core.errors import DataError

GENDERS = ("f", "m")
BOTH = "all"  # names what is of both genders


@dataclass(frozen=True)
class Pool:
    """X-vectors of speakers to learn from.

    Attributes:
        vectors: (speakers, dimension), the mean of each speaker's utterances.
        genders: "f" or "m" of each.
        utterances: (utterances, dimension), those that the means are of; None where only the means are known.
        speakers: (utterances,), the row of each utterance's speaker in `vectors`.
    """

    vectors: np.ndarray
    genders: tuple[str, ...]
    utterances: np.ndarray | None = None
    speakers: np.ndarray | None = None

    def rows_of(self, gender: str) -> np.ndarray:
        """Which rows of `vectors` are of one gender, or of BOTH; int (speakers of that gender,)."""
        return np.flatnonzero([gender in (BOTH, own) for own in self.genders])

    def of(self, gender: str) -> np.ndarray:
        """The vectors of one gender, or of BOTH; float64 (speakers, dimension)."""
        return self.vectors[self.rows_of(gender)].astype(np.float64)


@dataclass(frozen=True)
class Source:
    """Who is to be replaced.

    Attributes:
        vector: x-vector (dimension,) of the speaker; the mean of the utterances' in its data dir.
        own: what this request is for: the utterance's x-vector at utterance level, else the same as `vector`.
        gender: wanted of the pseudo-speaker, "f" or "m"; "" where it is not known and the strategy does not ask.
    """

    vector: np.ndarray
    own: np.ndarray
    gender: str


class Draws(Protocol):
    """What gives pseudo-speakers: a fitted Strategy, or what a script puts in its place.

    Attributes:
        gendered: what it draws depends on `Source.gender`.
    """

    @property
    def gendered(self) -> bool: ...

    def gender_of(self, vector: np.ndarray) -> str:
        """See Strategy.gender_of."""

    def draw_all(self, sources: Sequence[Source], generators: Iterable[np.random.Generator]) -> np.ndarray:
        """See Strategy.draw_all."""


class Strategy:
    """Base of the strategies; a subclass has a name, and is fitted, saved and loaded by these methods.

    `options` is the section `pseudo` of the configuration, of the class that the strategy's module declares.
    """

    name: ClassVar[str]  # as pseudo.strategy has it
    fitted: ClassVar[bool] = True  # False: there is nothing to learn, so it can be used without a fit
    gendered: ClassVar[bool] = True  # False: what it draws does not depend on `Source.gender`, which may be ""
    own_gender: ClassVar[bool] = False  # True: a pseudo-speaker's gender is that of its x-vector, whatever was wanted
    joint: ClassVar[bool] = False  # True: `draw_all` is to have all requests of a data dir; none gets another's

    @classmethod
    def fit(cls, pool: Pool, options: Any, seed: int) -> Strategy:
        """Learn from the pool; `seed` decides every random choice.

        Raises:
            DataError: the pool is too small for the options.
            UsageError: options that nothing can be.
        """
        raise NotImplementedError

    def draw(self, source: Source, generator: np.random.Generator) -> np.ndarray:
        """A pseudo-speaker's x-vector, float32 (dimension,)."""
        return self.draw_all([source], [generator])[0]

    def draw_all(self, sources: Sequence[Source], generators: Iterable[np.random.Generator]) -> np.ndarray:
        """An x-vector for each source by its own generator, float32 (sources, dimension).

        Bit for bit what `draw` gives for each by itself, unless draws are `joint`: a subclass overrides one of the two.
        """
        return np.stack([self.draw(source, own) for source, own in zip(sources, generators, strict=True)])

    def gender_of(self, vector: np.ndarray) -> str:
        """ "f" or "m" for an x-vector (dimension,) whose speaker's gender is not known.

        Raises:
            DataError: the strategy knows nothing of genders.
        """
        raise DataError(
            f"strategy {self.name} cannot tell genders", "put a table `spk2gender` (<speaker> f|m) into the data dir"
        )

    def arrays(self) -> dict[str, np.ndarray]:
        """What `restore` needs, by name."""
        return {}

    @classmethod
    def restore(cls, arrays: Mapping[str, np.ndarray], options: Any) -> Strategy:
        """The fitted strategy from its arrays; ValueError if they are not such."""
        return cls()

    def facts(self) -> dict[str, Any]:
        """What a reader of the fit wants to know, for its card."""
        return {}

    def tables(self) -> dict[str, str]:
        """Texts of further files for a reader of the fit, by name."""
        return {}


def check_spread(vectors: np.ndarray, name: str = "") -> None:
    """DataError if the x-vectors of a pool's speakers (speakers, dimension) are all the same; `name` says of whom."""
    if not np.ptp(vectors, axis=0).any():
        raise DataError(
            f"the x-vectors of all {len(vectors)} speakers of the pool ({name or BOTH}) are the same: no spread",
            "look at the x-vectors of the pool: they are of one recording, or of an extractor that learnt nothing",
        )

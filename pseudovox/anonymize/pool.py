"""Pseudo-speakers averaged over speakers of the pool: the selection of the VoicePrivacy Challenge's baseline B1.

Of the pool's speakers of the wanted gender, the `candidates` least like the source (by default) are taken, of these
`averaged` are drawn, and the mean of their x-vectors is the pseudo-speaker's (Fang et al. 2019, "Speaker anonymization
using x-vector and neural waveform models"; the other ways to choose are of Srivastava et al. 2020, "Design choices for
x-vector based speaker anonymization").
"""

from __future__ import annotations

import functools
import logging
import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from pseudovox.anonymize import genders as gender_model
from pseudovox.anonymize.strategy import BOTH, GENDERS, Pool, Source, Strategy, check_spread
from pseudovox.core.errors import DataError, UsageError
from pseudovox.core.npz import check_shapes
from pseudovox.core.seeds import seed_for

if TYPE_CHECKING:
    from pseudovox.components.plda import Plda
    from pseudovox.kinds.strategies.pool import Options

log = logging.getLogger("pseudovox")
BY_AFFINITY = ("farthest", "nearest")
BY_CLUSTER = ("dense", "sparse")
PROXIMITIES = (*BY_AFFINITY, "random", *BY_CLUSTER)
OF = ("speakers", "utterances")
LDA_DIMENSION = 200  # of PLDA
SMOOTHING = 0.001  # of PLDA: for directions that a small pool's speakers do not vary in
CLUSTERS = 10  # of those with most, or fewest, members one is drawn


class Affinity(Protocol):
    """How alike voices are."""

    @classmethod
    def fit(cls, pool: Pool) -> Affinity:
        """Learn from the pool; DataError if it is too small."""

    @classmethod
    def restore(cls, arrays: Mapping[str, np.ndarray]) -> Affinity:
        """The fitted affinity from its arrays; ValueError if they are not such."""

    def arrays(self) -> dict[str, np.ndarray]:
        """What `restore` needs."""

    def scores(self, vectors: np.ndarray, others: np.ndarray) -> np.ndarray:
        """Similarities (n, m) of x-vectors (n, dimension) and (m, dimension); greater = more alike."""


class CosineAffinity:
    """The cosine of the angle between x-vectors."""

    @classmethod
    def fit(cls, pool: Pool) -> CosineAffinity:
        return cls()

    @classmethod
    def restore(cls, arrays: Mapping[str, np.ndarray]) -> CosineAffinity:
        return cls()

    def arrays(self) -> dict[str, np.ndarray]:
        return {}

    def scores(self, vectors: np.ndarray, others: np.ndarray) -> np.ndarray:
        return _unit(vectors) @ _unit(others).T


class PldaAffinity:
    """The log-likelihood ratio of PLDA (LDA to 200 dimensions, length normalisation), each vector as one utterance.

    The challenges train it on the speech that the x-vector extractor was trained on; this one is trained on the pool.
    """

    def __init__(self, plda: Plda) -> None:
        self.plda = plda

    @classmethod
    def fit(cls, pool: Pool) -> PldaAffinity:
        from pseudovox.components.plda import Plda

        if pool.utterances is None or pool.speakers is None:
            raise DataError("PLDA is trained on x-vectors of utterances; the pool has those of speakers alone")
        names = [str(speaker) for speaker in pool.speakers]
        return cls(Plda.fit(pool.utterances, names, lda_dimension=LDA_DIMENSION, smoothing=SMOOTHING)[0])

    @classmethod
    def restore(cls, arrays: Mapping[str, np.ndarray]) -> PldaAffinity:
        from pseudovox.components.plda import SHAPES, Gaussians, Plda

        check_shapes(arrays, SHAPES)
        model = Gaussians(arrays["mean"], arrays["between"], arrays["within"])
        return cls(Plda(arrays["centre"], arrays["lda"], model))

    def arrays(self) -> dict[str, np.ndarray]:
        model = self.plda.model
        own = {"centre": self.plda.centre, "lda": self.plda.lda}
        return {**own, "mean": model.mean, "between": model.between, "within": model.within}

    def scores(self, vectors: np.ndarray, others: np.ndarray) -> np.ndarray:
        return self.plda.scorer(vectors, np.ones(len(vectors)))(others).T


AFFINITIES: dict[str, type[Affinity]] = {"cosine": CosineAffinity, "plda": PldaAffinity}


class PoolAverage(Strategy):
    """The mean of speakers drawn from the pool.

    Rows of `vectors` are looked for among those of the wanted gender and stay rows of these: `self.of[gender]` is the
    filtered pool, and nothing of the whole one is ever indexed.
    """

    name = "pool"

    def __init__(
        self,
        pool: Pool,
        options: Options,
        affinity: Affinity,
        clusters: Mapping[str, np.ndarray],
    ) -> None:
        self.pool, self.affinity, self.clusters = pool, affinity, dict(clusters)
        self.proximity, self.noise = options.proximity, options.noise
        self.genders = (BOTH,) if options.combine_genders else GENDERS
        self.of = {gender: pool.of(gender) for gender in self.genders}
        self.counts = {gender: counts(len(own), options, gender) for gender, own in self.of.items()}

    @classmethod
    def fit(cls, pool: Pool, options: Options, seed: int) -> PoolAverage:
        if options.proximity not in PROXIMITIES:
            raise UsageError(f"pseudo.proximity {options.proximity!r}: expected one of {', '.join(PROXIMITIES)}")
        if options.of not in OF or options.noise < 0:
            raise UsageError(
                f"pseudo.of {options.of!r}, pseudo.noise {options.noise:g}: expected {' or '.join(OF)}, and 0 or more"
            )
        check_spread(pool.vectors)
        affinity = _affinity(options.affinity).fit(pool)
        if options.of == "utterances":
            pool = by_utterance(pool)
        clusters = {}
        if options.proximity in BY_CLUSTER:
            for gender in (BOTH,) if options.combine_genders else GENDERS:
                # scikit-learn takes 32-bit seeds.
                state = seed_for(seed, "pool-clusters", gender) % 2**32
                clusters[gender] = cluster(affinity, pool.of(gender), state, gender)
        return cls(pool, options, affinity, clusters)

    def draw_all(self, sources: Sequence[Source], generators: Iterable[np.random.Generator]) -> np.ndarray:
        found = np.empty((len(sources), self.pool.vectors.shape[1]), np.float32)
        last: tuple[int, str] | None = None
        near: np.ndarray = np.empty(0, int)
        for row, (source, generator) in enumerate(zip(sources, generators, strict=True)):
            gender = BOTH if BOTH in self.of else source.gender
            # At utterance level, too, it is the speaker's x-vector that decides who is near.
            if last != (id(source.vector), gender):
                last, near = (id(source.vector), gender), self._near(source.vector, gender)
            mean = self.of[gender][self._chosen(near, gender, generator)].mean(0)
            found[row] = mean + self.noise * generator.standard_normal(len(mean)) if self.noise else mean
        return found

    def _near(self, vector: np.ndarray, gender: str) -> np.ndarray:
        """Rows of the filtered pool to draw from."""
        candidates, _ = self.counts[gender]
        if self.proximity not in BY_AFFINITY:
            return np.arange(len(self.of[gender]))
        scores = self.affinity.scores(vector[None].astype(np.float64), self.of[gender])[0]
        return np.argsort(scores if self.proximity == "farthest" else -scores, kind="stable")[:candidates]

    def _chosen(self, near: np.ndarray, gender: str, generator: np.random.Generator) -> np.ndarray:
        _, averaged = self.counts[gender]
        if self.proximity in BY_CLUSTER:
            of = self.clusters[gender]
            sizes = np.bincount(of)
            order = np.argsort(-sizes if self.proximity == "dense" else sizes, kind="stable")
            near = np.flatnonzero(of == generator.choice(order[:CLUSTERS]))
            averaged = max(1, round(len(near) / 2))
        return near[generator.choice(len(near), averaged, replace=False)]

    def gender_of(self, vector: np.ndarray) -> str:
        # (Without a model the pool is of one gender, and either draws from it.)
        return GENDERS[0] if self._gender is None else self._gender.of(vector)

    @functools.cached_property
    def _gender(self) -> gender_model.GenderModel | None:
        return gender_model.fit(self.pool)[0]

    def arrays(self) -> dict[str, np.ndarray]:
        women = np.array([gender == "f" for gender in self.pool.genders])
        return {
            "vectors": self.pool.vectors,
            "women": women,
            **{f"clusters.{gender}": labels for gender, labels in self.clusters.items()},
            **{f"affinity.{name}": value for name, value in self.affinity.arrays().items()},
        }

    @classmethod
    def restore(cls, arrays: Mapping[str, np.ndarray], options: Options) -> PoolAverage:
        clusters = {name[9:]: value for name, value in arrays.items() if name.startswith("clusters.")}
        own = {name[9:]: value for name, value in arrays.items() if name.startswith("affinity.")}
        rest = {name: value for name, value in arrays.items() if "." not in name}
        check_shapes(rest, {"vectors": ("speakers", "dimension"), "women": ("speakers",)})
        pool = Pool(rest["vectors"], tuple("f" if woman else "m" for woman in rest["women"]))
        genders = (BOTH,) if options.combine_genders else GENDERS
        if options.proximity in BY_CLUSTER:
            check_shapes(clusters, {gender: (len(pool.rows_of(gender)),) for gender in genders})
        return cls(pool, options, _affinity(options.affinity).restore(own), clusters)

    def facts(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for gender, (candidates, averaged) in self.counts.items():
            found[gender] = {"speakers": len(self.of[gender])}
            if self.proximity in BY_CLUSTER:
                sizes = np.bincount(self.clusters[gender])
                found[gender] |= {"clusters": len(sizes), "largest": int(sizes.max()), "smallest": int(sizes.min())}
            else:
                found[gender] |= {"candidates": candidates, "averaged": averaged}
        return found


def by_utterance(pool: Pool) -> Pool:
    """A pool whose every utterance counts as a speaker, for pools of few speakers.

    Raises:
        DataError: only the speakers' means are known.
    """
    if pool.utterances is None or pool.speakers is None:
        raise DataError("pseudo.of utterances: the pool has vectors of speakers alone")
    return Pool(pool.utterances, tuple(pool.genders[row] for row in pool.speakers))


def counts(speakers: int, options: Options, gender: str) -> tuple[int, int]:
    """(candidates, averaged): how many of a filtered pool's speakers are taken, and how many of these are averaged.

    Args:
        speakers: in the pool, of the wanted gender.
        options: `candidates` and `averaged`; below 1 they are shares, of the pool and of the candidates. All of the
            pool are candidates where nearness plays no part.
        gender: for messages.

    Raises:
        UsageError: values that cannot be; DataError: the pool is too small for them.
    """
    for name in ("candidates", "averaged"):
        value = getattr(options, name)
        if value <= 0 or (value >= 1 and value != int(value)):
            raise UsageError(f"pseudo.{name} {value:g}: expected a whole number of speakers, or a share below 1")
    if options.proximity in BY_CLUSTER:
        if not speakers:
            raise DataError(f"the pool has no speakers ({gender})")
        return speakers, speakers
    candidates = _number(options.candidates, speakers) if options.proximity in BY_AFFINITY else speakers
    averaged = _number(options.averaged, candidates)
    if speakers < max(1, candidates) or candidates < averaged:
        needed = f"{candidates} candidates (pseudo.candidates)" if options.proximity in BY_AFFINITY else "all of them"
        hint = "--set pseudo.candidates=0.36 --set pseudo.averaged=0.5"
        if not speakers:
            hint += " --set pseudo.combine_genders=true"
        raise DataError(
            f"the pool has {speakers} speakers ({gender}); pseudo-speakers are to be means of {averaged} "
            f"(pseudo.averaged) of {needed}",
            f"a larger pool, or {hint}",
        )
    return candidates, averaged


def cluster(affinity: Affinity, vectors: np.ndarray, state: int, name: str = "") -> np.ndarray:
    """Group x-vectors by affinity propagation (Frey and Dueck 2007).

    Args:
        affinity: of any two.
        vectors: (speakers, dimension).
        state: seed of the tie-breaking noise.
        name: of the pool, for messages.

    Returns:
        int (speakers,), numbers of clusters from 0.

    Raises:
        DataError: it finds no clusters.
    """
    from sklearn.cluster import AffinityPropagation
    from sklearn.exceptions import ConvergenceWarning

    similarities = affinity.scores(vectors, vectors)
    for damping in (0.5, 0.7, 0.9, 0.95):  # heavier ones end oscillations
        found = AffinityPropagation(damping=damping, max_iter=1000, affinity="precomputed", random_state=state)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            labels = found.fit(similarities).labels_
        if found.n_iter_ < 1000 and labels.min() >= 0:
            log.info("%s pool: %d clusters of %d speakers", name, labels.max() + 1, len(labels))
            return labels
    raise DataError(
        f"affinity propagation finds no clusters among the {len(vectors)} speakers of the pool ({name})",
        "--set pseudo.proximity=farthest (or nearest, or random)",
    )


def _affinity(name: str) -> type[Affinity]:
    if name not in AFFINITIES:
        raise UsageError(f"pseudo.affinity {name!r}: expected one of {', '.join(AFFINITIES)}")
    return AFFINITIES[name]


def _number(value: float, whole: int) -> int:
    """A number as it is, or the share of the whole that it stands for, at least 1."""
    return int(value) if value >= 1 else max(1, round(value * whole))


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-30)

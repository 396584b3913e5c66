"""How different voices are from one another: real ones, and those that strategies make.

What moved Turner et al. (2020) to draw voices from a distribution: averages of many speakers' x-vectors are far more
alike than x-vectors of speakers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pseudovox.anonymize.pool import PoolAverage
from pseudovox.anonymize.strategy import GENDERS, Pool, Source
from pseudovox.core.seeds import generator, seed_for
from pseudovox.kinds.strategies.pool import Options
from pseudovox.metrics import coverage

REAL = "real speakers"
AVERAGED = "pool averages (B1)"  # made for comparison where no system makes them
COLUMNS = ("kind", "speakers", "voices", "mean", "sd", "p5", "p95", "precision", "recall", "frechet")


@dataclass(frozen=True)
class Voices:
    """X-vectors of one kind and gender.

    Attributes:
        kind: REAL, AVERAGED, or the name of the system that made them.
        gender: "f" or "m".
        vectors: (voices, dimension), all different.
    """

    kind: str
    gender: str
    vectors: np.ndarray

    def cosines(self) -> np.ndarray:
        """Cosine similarity of every pair, (pairs,)."""
        unit = self.vectors.astype(np.float64)
        unit /= np.maximum(np.linalg.norm(unit, axis=1, keepdims=True), 1e-30)
        return (unit @ unit.T)[np.triu_indices(len(unit), 1)]


def gather(
    kind: str, vectors: Mapping[str, np.ndarray], genders: Mapping[str, str], most: int, seed: int
) -> list[Voices]:
    """The different voices of a kind by gender, at most so many of each, chosen by their ids.

    Args:
        kind: what they are.
        vectors: x-vector (dimension,) by id; those that are equal are one voice.
        genders: "f" or "m" by id.
        most: voices of a gender.
        seed: of the choice.

    Returns:
        those of the genders that have two voices or more.
    """
    found = []
    for gender in GENDERS:
        names = sorted(
            (name for name in vectors if genders[name] == gender), key=lambda name: seed_for(seed, kind, name)
        )
        different: dict[bytes, np.ndarray] = {}
        for name in names:
            different.setdefault(np.asarray(vectors[name], np.float32).tobytes(), vectors[name])
            if len(different) == most:
                break
        if len(different) > 1:
            found.append(Voices(kind, gender, np.stack(list(different.values()))))
    return found


def pool_averages(vectors: Mapping[str, np.ndarray], genders: Mapping[str, str], seed: int) -> dict[str, np.ndarray]:
    """What averaging over the pool makes of each speaker, in the proportions of the challenges' baseline B1.

    Args:
        vectors: the pool's speakers, (dimension,) by id; each is the source of one average.
        genders: "f" or "m" by id.
        seed: of the draws.
    """
    names = sorted(vectors)
    pool = Pool(np.stack([vectors[name] for name in names]), tuple(genders[name] for name in names))
    if set(pool.genders) != set(GENDERS):
        return {}
    options = Options(candidates=0.36, averaged=0.5)
    sources = [Source(vectors[name], vectors[name], genders[name]) for name in names]
    drawn = PoolAverage.fit(pool, options, seed).draw_all(
        sources, (generator(seed, "diversity", name) for name in names)
    )
    return dict(zip(names, drawn, strict=True))


def table(voices: Sequence[Voices]) -> list[list[str]]:
    """A row of COLUMNS for each kind and gender: mean, deviation and percentiles of the cosines of pairs.

    And, against the real speakers of that gender, precision and recall, and the Fréchet distance of as many of both (""
    if they are few).
    """
    real = {own.gender: own.vectors for own in voices if own.kind == REAL}
    rows = []
    for own in voices:
        cosines = own.cosines()
        figures = (cosines.mean(), cosines.std(), *np.percentile(cosines, (5, 95)))
        speakers = {"f": "female", "m": "male"}[own.gender]
        covered = _covered(real.get(own.gender, own.vectors[:0]), own.vectors) if own.kind != REAL else [""] * 3
        rows.append([own.kind, speakers, str(len(own.vectors)), *(f"{figure:.3f}" for figure in figures), *covered])
    return rows


def _covered(real: np.ndarray, made: np.ndarray) -> list[str]:
    size = min(len(real), len(made))
    if size <= coverage.NEIGHBOURS:
        return [""] * 3
    found = coverage.precision(real, made), coverage.recall(real, made)
    return [*(f"{share:.3f}" for share in found), f"{coverage.frechet_distance(real[:size], made[:size]):.1f}"]


def density(values: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Kernel density of values (n,) at evenly spaced places (m,), which enclose them; by Silverman's rule."""
    step = places[1] - places[0]
    edges = np.append(places - step / 2, places[-1] + step / 2)
    counts, _ = np.histogram(values, edges)
    spread = min(values.std(), float(np.subtract(*np.percentile(values, (75, 25)))) / 1.34)
    width = max(0.9 * spread * len(values) ** -0.2, step)
    reach = np.arange(-len(places) + 1, len(places)) * step
    kernel = np.exp(-0.5 * (reach / width) ** 2)
    return np.convolve(counts, kernel / (kernel.sum() * step), "valid") / len(values)


def map_of(vectors: np.ndarray, seed: int) -> np.ndarray:
    """t-SNE of x-vectors (n, dimension) by their cosines, (n, 2); needs four or more."""
    from sklearn.manifold import TSNE

    made = TSNE(
        perplexity=min(30.0, (len(vectors) - 1) / 3),
        metric="cosine",
        init="random",
        random_state=seed_for(seed, "t-sne") % 2**32,
        n_jobs=1,
    )
    return made.fit_transform(vectors.astype(np.float32))


def kinds(voices: Iterable[Voices]) -> list[str]:
    """The kinds that there are, in order."""
    return list(dict.fromkeys(own.kind for own in voices))

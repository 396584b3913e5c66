"""The informed attacker: knows which pseudo-speaker stands in every utterance, and takes its trace off the embedding.

An anonymized voice is the pseudo-speaker's, with what is left of the speaker in it. Of speech that it anonymized itself
the attacker knows the pseudo x-vector of each utterance and learns, by ridge regression, what embedding to expect of a
pseudo x-vector. That part it subtracts from every embedding of the trials, whose pseudo x-vectors it knows too (though
not whose voice they replaced), before it scores them. docs/threat_models.md says what each attacker has.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pseudovox.core.errors import DataError
from pseudovox.core.npz import write_npz
from pseudovox.core.seeds import generator, seed_for
from pseudovox.data.datadir import write_json
from pseudovox.metrics.calibration import min_cllr
from pseudovox.metrics.ranking import rank

log = logging.getLogger("pseudovox")
STRENGTHS = tuple(10.0**power for power in range(3, -5, -1))  # of the ridge, against the mean variance of an axis
HINT = "give more speech in sets.attacker, or --set attacks.informed=false"
HELD_OUT = 600  # utterances of a half that are compared with each other, about


@dataclass(frozen=True)
class PseudoMap:
    """What a pseudo x-vector adds to an embedding.

    Attributes:
        centre: (pseudo dimension,), the mean pseudo x-vector, which adds nothing.
        weights: (pseudo dimension, dimension); 0 where nothing that helps was found.
    """

    centre: np.ndarray
    weights: np.ndarray

    def remove(self, vectors: np.ndarray, pseudo: np.ndarray) -> np.ndarray:
        """Embeddings (n, dimension) without the part that their pseudo x-vectors (n, pseudo dimension) explain."""
        return np.asarray(vectors - (pseudo - self.centre) @ self.weights)


class Ridge:
    """Ridge regressions of embeddings on pseudo x-vectors, of any strength, from one eigendecomposition."""

    def __init__(self, vectors: np.ndarray, pseudo: np.ndarray) -> None:
        self.centre = pseudo.mean(0)
        apart = pseudo - self.centre
        self.variances, self.axes = np.linalg.eigh(apart.T @ apart)
        self.products = self.axes.T @ (apart.T @ (vectors - vectors.mean(0)))

    def of(self, strength: float) -> PseudoMap:
        """The regression with a ridge of `strength` times the mean variance of an axis; infinite: no regression."""
        ridge = strength * max(float(self.variances.mean()), 1e-30)
        factors = 1.0 / (np.maximum(self.variances, 0.0) + ridge)
        return PseudoMap(self.centre, self.axes @ (factors[:, None] * self.products))


def fit(
    vectors: np.ndarray,
    pseudo: np.ndarray,
    utterances: Sequence[str],
    speakers: Sequence[str],
    genders: Mapping[str, str],
    *,
    seed: int,
) -> tuple[PseudoMap, dict[str, Any]]:
    """Learn the map from the attacker's own anonymized speech.

    How strong the ridge must be is found on held-out speakers: they are divided into two halves, and in each the
    utterances are compared with each other after a regression that was learnt on the other half. The strength with the
    lowest mean min Cllr of the cosines counts, if it lowers that of both halves; if none does, nothing is subtracted,
    so that an attacker who knows more does no worse for it.

    Args:
        vectors: (utterances, dimension), embeddings by the attacker's recogniser.
        pseudo: (utterances, pseudo dimension), pseudo x-vectors.
        utterances: ids.
        speakers: who speaks in each.
        genders: of the speakers, if known; only utterances of one gender are compared then, as in the trials.
        seed: decides the halves and, of long lists, which utterances are compared.

    Returns:
        (map, facts for its card: speakers, utterances, strength (None: nothing is subtracted), held-out min Cllr in
        bits before and after, share of the held-out embeddings' variance that is explained)

    Raises:
        DataError: fewer than four speakers.
    """
    vectors, pseudo = np.asarray(vectors, np.float64), np.asarray(pseudo, np.float64)
    names = sorted(set(speakers), key=lambda name: seed_for(seed, "informed-half", name))
    if len(names) < 4:
        raise DataError(f"{len(names)} speakers: the informed attacker learns from four or more", HINT)
    half = set(names[: len(names) // 2])
    inside = np.array([speaker in half for speaker in speakers])
    rows: list[list[float]] = []  # min Cllr by half and strength, no regression first
    explained = []
    for held_out in (inside, ~inside):
        chosen = _sample(np.flatnonzero(held_out), utterances, speakers, seed)
        pairs = _Pairs([speakers[n] for n in chosen], genders)
        ridge = Ridge(vectors[~held_out], pseudo[~held_out])
        own, known = vectors[chosen], pseudo[chosen]
        variance = ((own - own.mean(0)) ** 2).sum()
        residuals = [own, *(ridge.of(strength).remove(own, known) for strength in STRENGTHS)]
        rows.append([pairs.min_cllr(left) for left in residuals])
        explained.append([1.0 - ((left - left.mean(0)) ** 2).sum() / max(variance, 1e-30) for left in residuals])
    costs = np.array(rows)
    helps: np.ndarray = np.asarray((costs < costs[:, :1]).all(0))
    helps[0] = True
    best = int(np.argmin(np.where(helps, costs.mean(0), np.inf)))
    ridge = Ridge(vectors, pseudo)
    found = ridge.of(STRENGTHS[best - 1]) if best else PseudoMap(ridge.centre, np.zeros_like(ridge.products))
    facts = {
        "speakers": len(names),
        "utterances": len(vectors),
        "strength": STRENGTHS[best - 1] if best else None,
        "held_out_min_cllr_before": round(float(costs[:, 0].mean()), 4),
        "held_out_min_cllr_after": round(float(costs[:, best].mean()), 4),
        "held_out_explained": round(float(np.mean(explained, axis=0)[best]), 4),
    }
    log.info("informed attacker: %s", ", ".join(f"{name} {value}" for name, value in facts.items()))
    return found, facts


def save(folder: Path, found: PseudoMap, facts: Mapping[str, Any]) -> None:
    """Write model.json, what was found, and map.npz: centre and weights."""
    write_npz(folder / "map.npz", vars(found))
    card = {"kind": "pseudo_map", "hyperparameters": {}, "facts": dict(facts)}
    write_json(folder / "model.json", card, sort_keys=True)


class _Pairs:
    """Pairs of utterances, each pair once, to be told apart by cosine."""

    def __init__(self, speakers: Sequence[str], genders: Mapping[str, str]) -> None:
        rows, columns = np.triu_indices(len(speakers), 1)
        known = np.array([genders.get(speaker, "") for speaker in speakers])
        kept = known[rows] == known[columns]
        self.rows, self.columns = rows[kept], columns[kept]
        numbers = np.unique(np.array(speakers), return_inverse=True)[1]
        self.target = numbers[self.rows] == numbers[self.columns]
        if self.target.all() or not self.target.any():
            raise DataError(
                "the informed attacker's training speech has no two speakers of a gender with two utterances",
                HINT,
            )

    def min_cllr(self, vectors: np.ndarray) -> float:
        unit = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-30)
        cosines = (unit @ unit.T)[self.rows, self.columns]
        return float(min_cllr(rank(cosines[self.target], cosines[~self.target])))


def _sample(places: np.ndarray, utterances: Sequence[str], speakers: Sequence[str], seed: int) -> np.ndarray:
    """About HELD_OUT of the utterances at `places`, as many of each speaker, by their ids; at least two of each."""
    by_speaker: dict[str, list[int]] = {}
    for place in places.tolist():
        by_speaker.setdefault(speakers[place], []).append(place)
    each = max(2, HELD_OUT // len(by_speaker))

    def kept() -> Iterator[int]:
        for own in by_speaker.values():
            yield from sorted(own, key=lambda place: seed_for(seed, "informed-pairs", utterances[place]))[:each]

    found = sorted(kept(), key=lambda place: utterances[place])
    if len(found) > 2 * HELD_OUT:  # of thousands of speakers some must do
        draw = generator(seed, "informed-speakers")
        names = sorted(by_speaker)
        some = {names[n] for n in draw.permutation(len(names))[: HELD_OUT // 2]}
        found = [place for place in found if speakers[place] in some]
    return np.array(found)

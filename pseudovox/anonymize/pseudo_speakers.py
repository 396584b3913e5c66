"""Pseudo-speakers of a data dir: strategies saved and loaded, and the drawing for every utterance."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pseudovox.anonymize import pseudo_pitch
from pseudovox.anonymize.strategy import Draws, Source, Strategy
from pseudovox.core.errors import DataError, MissingModelError, UsageError
from pseudovox.core.npz import read_npz, write_npz
from pseudovox.core.seeds import generator
from pseudovox.data.datadir import write_atomic, write_json

if TYPE_CHECKING:
    from pseudovox.anonymize.pseudo_pitch import PitchModel
    from pseudovox.config import PseudoSpeakers
    from pseudovox.data.datadir import DataDir

CARD = "pseudo.json"
OTHER = {"f": "m", "m": "f"}
BLOCK = 4096  # requests that are drawn at once


# ---------------------------------------------------------------------- files
def save(folder: Path, strategy: Strategy, facts: Mapping[str, Any] | None = None) -> None:
    """Write a fitted strategy: pseudo.json (its name, facts), pseudo.npz if it has arrays, and its tables."""
    arrays = strategy.arrays()
    if arrays:
        write_npz(folder / "pseudo.npz", arrays)
    for name, table in strategy.tables().items():
        write_atomic(folder / name, table)
    card = {"strategy": strategy.name, "facts": {**strategy.facts(), **(facts or {})}}
    write_json(folder / CARD, card, sort_keys=True)


def load(folder: Path | None, options: PseudoSpeakers) -> Strategy:
    """The configured strategy, read from where it was fitted; a strategy that needs no fit may be without a folder.

    Raises:
        UsageError: no such strategy, or a fit is needed and no folder is given.
        MissingModelError: nothing is there; DataError: damaged, or of another strategy than configured.
    """
    strategy: type[Strategy] = options.load()
    if not strategy.fitted:
        return strategy.restore({}, options)
    if folder is None:
        raise UsageError(f"strategy {strategy.name} must be fitted first, and where it is was not said (--generator)")
    try:
        name = json.loads((folder / CARD).read_text(encoding="utf-8"))["strategy"]
    except FileNotFoundError:
        hint = pseudo_pitch.refit(folder)
        raise MissingModelError(f"{folder}: no pseudo-speakers ({CARD} is missing)", hint) from None
    except (ValueError, KeyError) as error:
        raise DataError(f"{folder / CARD}: not a pseudo-speaker card: {error}") from None
    if name != strategy.name:
        raise DataError(f"{folder}: fitted for strategy {name!r}, the configuration asks for {strategy.name!r}")
    path = folder / "pseudo.npz"
    try:
        arrays = read_npz(path, pseudo_pitch.refit(folder))
    except FileNotFoundError:
        arrays = {}
    try:
        return strategy.restore(arrays, options)
    except (TypeError, ValueError, KeyError) as error:
        hint = pseudo_pitch.refit(folder)
        raise DataError(f"{path}: not the arrays of strategy {name}: {error}", hint) from None


# ---------------------------------------------------------------------- sampling
@dataclass(frozen=True)
class Sampled:
    """Pseudo-speakers of a data dir.

    Attributes:
        vectors: pseudo x-vector, float32 (dimension,), by utterance.
        pitches: mean and deviation of log F0, float32 (2,), by utterance; empty without a model of pitch.
        genders: of the pseudo-speakers, by original speaker; empty where nothing tells them.
        drawn: number of different pseudo-speakers.
    """

    vectors: dict[str, np.ndarray]
    pitches: dict[str, np.ndarray]
    genders: dict[str, str]
    drawn: int


def sample(
    strategy: Draws,
    pitch: PitchModel | None,
    data: DataDir,
    utterance_vectors: Mapping[str, np.ndarray],
    speaker_vectors: Mapping[str, np.ndarray],
    options: PseudoSpeakers,
    *,
    level: str,
    seed: int,
) -> Sampled:
    """A pseudo x-vector, and a pitch, for every utterance of a data dir.

    Args:
        strategy: fitted.
        pitch: of the strategy's voices; None leaves F0 to itself.
        data: where it has no spk2gender, the strategy tells the genders by the x-vectors, if it cares for them.
        utterance_vectors, speaker_vectors: the originals, (dimension,) by utterance and by speaker.
        options: section of the configuration.
        level: "spk", one pseudo-speaker for all of a speaker's utterances, or "utt", one for each.
        seed: with the data dir's name and the id it decides a draw; the order decides nothing. (With a strategy whose
            draws are joint, the other ids of the data dir decide as well.)
    """
    known = data.tables.get("spk2gender")
    genders: dict[str, str] = {}
    told_by_vector = getattr(strategy, "own_gender", False)
    requests: list[tuple[str, list[str], Source]] = []  # identity, its utterances, who is replaced
    for speaker, utterances in data.spk2utt.items():
        original = speaker_vectors[speaker]
        if told_by_vector:
            [spoken] = strategy.draw_all([Source(original, original, "")], [generator(seed, "pseudo-gender", speaker)])
            genders[speaker] = strategy.gender_of(spoken)
        elif known or strategy.gendered:
            gender = known[speaker] if known else strategy.gender_of(original)
            genders[speaker] = OTHER[gender] if options.cross_gender else gender
        wanted = genders.get(speaker, "")
        if level == "spk":
            requests.append((speaker, utterances, Source(original, original, wanted)))
        else:
            for utterance in utterances:
                own = utterance_vectors[utterance]
                requests.append((utterance, [utterance], Source(original, own, wanted)))
    vectors: dict[str, np.ndarray] = {}
    pitches: dict[str, np.ndarray] = {}
    size = BLOCK
    if getattr(strategy, "joint", False):
        requests.sort(key=lambda request: request[0].encode())  # one draw depends on those before it
        size = max(1, len(requests))
    for start in range(0, len(requests), size):
        block = requests[start : start + size]
        keys = [f"{data.name}/{identity}" for identity, _, _ in block]
        sources = [source for _, _, source in block]
        drawn = strategy.draw_all(sources, (generator(seed, "pseudo-speaker", key) for key in keys))
        for (_, members, _), vector in zip(block, drawn, strict=True):
            vectors.update(dict.fromkeys(members, vector))
        if pitch is not None:
            asked = [source.gender for source in sources]
            if told_by_vector:
                asked = [strategy.gender_of(vector) for vector in drawn]
            found = pitch.draw_all(
                drawn, asked, (generator(seed, "pseudo-pitch", key) for key in keys), options.pitch_spread
            )
            for (_, members, _), one in zip(block, found, strict=True):
                pitches.update(dict.fromkeys(members, one))
    return Sampled(vectors, pitches, genders, len(requests))

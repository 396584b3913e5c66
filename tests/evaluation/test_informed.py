"""The informed attacker: what a pseudo-speaker adds is found and taken off; what helps nobody is left alone."""

import numpy as np
import pytest

from pseudovox.core.errors import DataError
from pseudovox.evaluation import informed
from pseudovox.metrics.eer import eer

DRAW = np.random.default_rng(3)
SPEAKERS = [f"s{n:02d}" for n in range(40) for _ in range(8)]
UTTERANCES = [f"{speaker}-{n}" for n, speaker in enumerate(SPEAKERS)]
GENDERS = {speaker: "fm"[int(speaker[1:]) % 2] for speaker in SPEAKERS}
LEAK = DRAW.standard_normal((12, 20))
VOICES = DRAW.standard_normal((40, 20))


def anonymized(leak: float, left: float = 0.5) -> tuple[np.ndarray, np.ndarray]:
    """(embeddings, pseudo x-vectors): what is left of the voice, and the pseudo-speaker."""
    pseudo = DRAW.standard_normal((len(SPEAKERS), 12)) + 5.0
    noise = 0.3 * DRAW.standard_normal((len(SPEAKERS), 20))
    numbers = [int(speaker[1:]) for speaker in SPEAKERS]
    return left * VOICES[numbers] + leak * (pseudo - 5.0) @ LEAK + noise, pseudo


def error_rate(vectors: np.ndarray) -> float:
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    rows, columns = np.triu_indices(len(vectors), 1)
    same = np.array([SPEAKERS[one] == SPEAKERS[other] for one, other in zip(rows, columns, strict=True)])
    cosines = (unit @ unit.T)[rows, columns]
    return eer(cosines[same], cosines[~same])


def test_finds_the_speaker_behind_the_pseudo_speaker() -> None:
    vectors, pseudo = anonymized(leak=1.0)
    found, facts = informed.fit(vectors, pseudo, UTTERANCES, SPEAKERS, GENDERS, seed=1)
    np.testing.assert_allclose(found.weights, LEAK, atol=0.15)
    other, its = anonymized(leak=1.0)  # other utterances, other pseudo-speakers
    assert error_rate(found.remove(other, its)) < 10 < 25 < error_rate(other)
    assert facts["held_out_min_cllr_after"] < facts["held_out_min_cllr_before"] and facts["held_out_explained"] > 0.5


def test_where_pseudo_speakers_leave_no_trace_nothing_changes() -> None:
    vectors, pseudo = anonymized(leak=0.0)
    found, facts = informed.fit(vectors, pseudo, UTTERANCES, SPEAKERS, GENDERS, seed=1)
    other, its = anonymized(leak=0.0)
    assert abs(error_rate(found.remove(other, its)) - error_rate(other)) < 1.0
    assert facts["held_out_min_cllr_after"] <= facts["held_out_min_cllr_before"]


def test_where_the_pseudo_speaker_is_the_speaker_she_is_not_taken_off() -> None:
    # The control (strategy `own`): a weak ridge would take off the speaker.
    vectors, _ = anonymized(leak=0.0)
    own = vectors + 0.1 * DRAW.standard_normal(vectors.shape)
    found, facts = informed.fit(vectors, own, UTTERANCES, SPEAKERS, GENDERS, seed=1)
    assert facts["strength"] is None or facts["strength"] >= 1
    assert error_rate(found.remove(vectors, own)) < error_rate(vectors) + 1.0
    taken = informed.Ridge(vectors, own).of(1e-4).remove(vectors, own)
    assert error_rate(taken) > error_rate(vectors) + 10.0


def test_what_helps_one_half_of_the_speakers_alone_is_left() -> None:
    vectors, _ = anonymized(leak=0.0)
    noise = DRAW.standard_normal((len(vectors), 12))
    found, facts = informed.fit(vectors, noise, UTTERANCES, SPEAKERS, GENDERS, seed=1)
    if facts["strength"] is None:
        np.testing.assert_array_equal(found.remove(vectors, noise), vectors)
    assert error_rate(found.remove(vectors, noise)) < error_rate(vectors) + 1.0


def test_order_decides_nothing() -> None:
    vectors, pseudo = anonymized(leak=1.0)
    order = DRAW.permutation(len(SPEAKERS))
    one, facts = informed.fit(vectors, pseudo, UTTERANCES, SPEAKERS, GENDERS, seed=1)
    other, same = informed.fit(
        vectors[order], pseudo[order], [UTTERANCES[n] for n in order], [SPEAKERS[n] for n in order], GENDERS, seed=1
    )
    np.testing.assert_allclose(one.weights, other.weights, atol=1e-9)
    assert facts == same


def test_too_little_speech() -> None:
    vectors, pseudo = anonymized(leak=1.0)
    with pytest.raises(DataError, match="3 speakers: the informed attacker learns from four"):
        informed.fit(vectors[:24], pseudo[:24], UTTERANCES[:24], SPEAKERS[:24], GENDERS, seed=1)
    with pytest.raises(DataError, match="no two speakers of a gender"):
        informed.fit(vectors[::8], pseudo[::8], UTTERANCES[::8], SPEAKERS[::8], GENDERS, seed=1)


def test_of_many_speakers_some_are_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(informed, "HELD_OUT", 8)
    chosen = informed._sample(np.arange(len(SPEAKERS)), UTTERANCES, SPEAKERS, seed=1)
    assert len(chosen) == 8 and len({SPEAKERS[n] for n in chosen}) == 4

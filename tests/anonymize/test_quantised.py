"""Codewords in the place of x-vectors: so many bits pass, and no more, whatever is known of the source."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pseudovox.anonymize import pseudo_speakers
from pseudovox.anonymize.pseudo_pitch import PitchModel
from pseudovox.anonymize.quantised import Quantised
from pseudovox.anonymize.strategy import Pool, Source
from pseudovox.core.errors import DataError, UsageError
from pseudovox.data.datadir import DataDir
from pseudovox.kinds.strategies.quantised import Options

DRAW = np.random.default_rng(4)


def options(bits: int = 3, **own: object) -> Options:
    return Options(bits=bits, updates=400, **own)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def spoken() -> Pool:
    """40 speakers, half of them women, 20 utterances each, in 6 dimensions; the first tells the gender."""
    means = DRAW.standard_normal((40, 6)) * [1, 2, 1, 1, 1, 1]
    means[:, 0] += np.where(np.arange(40) < 20, -4, 4)
    speakers = np.repeat(np.arange(40), 20)
    utterances = means[speakers] + 0.5 * DRAW.standard_normal((800, 6))
    own = np.stack([utterances[speakers == row].mean(0) for row in range(40)])
    return Pool(own.astype(np.float32), ("f",) * 20 + ("m",) * 20, utterances.astype(np.float32), speakers)


@pytest.mark.parametrize("bits", range(1, 9))
def test_so_many_codes_as_frequent_as_one_another(spoken: Pool, bits: int) -> None:
    fitted = Quantised.fit(spoken, options(bits), seed=1)
    assert spoken.utterances is not None
    counts = np.bincount(fitted.codebook.encode(spoken.utterances), minlength=2**bits)
    assert len(counts) == 2**bits and np.ptp(counts) <= 1
    assert fitted.facts()["average_bits"] == pytest.approx(bits, abs=0.01)


def test_the_source_gets_its_codeword_and_nothing_is_drawn(spoken: Pool) -> None:
    fitted = Quantised.fit(spoken, options(), seed=1)
    assert spoken.utterances is not None
    sources = [Source(spoken.vectors[0], own, "") for own in spoken.utterances[:50]]
    drawn = fitted.draw_all(sources, (np.random.default_rng(row) for row in range(50)))
    again = fitted.draw_all(sources[::-1], (np.random.default_rng(9) for _ in range(50)))[::-1]
    assert drawn.dtype == np.float32 and np.array_equal(drawn, again)
    assert len(np.unique(drawn, axis=0)) <= 8
    assert all(any(np.array_equal(one, word) for word in fitted.codebook.vectors) for one in drawn)


def test_neither_gender_nor_pitch_passes_beside_the_code(spoken: Pool) -> None:
    """Two sources with the same code, one called a woman and one a man, get the same voice, gender and law of pitch."""
    fitted = Quantised.fit(spoken, options(), seed=1)
    law = PitchModel(np.zeros((6, 2)), np.array([[5.3, 0.2], [4.8, 0.2]]), np.zeros((2, 2)), np.zeros(2), np.full(2, 9))
    vector = spoken.vectors[3]
    tables = {"wav.scp": {"a-1": "x", "b-1": "x"}, "utt2spk": {"a-1": "a", "b-1": "b"}}
    vectors = dict.fromkeys(["a-1", "b-1", "a", "b"], vector)
    for genders in ({"spk2gender": {"a": "f", "b": "m"}}, {}):
        data = DataDir("data/test_trials_f", tables | genders)
        for level in ("spk", "utt"):
            found = pseudo_speakers.sample(
                fitted, law, data, vectors, vectors, options(), level=level, seed=1
            )  # fmt: skip
            assert np.array_equal(found.vectors["a-1"], found.vectors["b-1"])
            assert np.array_equal(found.pitches["a-1"], found.pitches["b-1"])
            assert found.genders["a"] == found.genders["b"] == fitted.gender_of(found.vectors["a-1"]) == "f"


def test_files_give_the_same_codes(spoken: Pool, tmp_path: Path) -> None:
    for kind, normalised in (("sfvq", True), ("sfvq", False), ("vq", False), ("vq_plain", False)):
        fitted = Quantised.fit(spoken, options(quantizer=kind, normalised=normalised), seed=1)
        pseudo_speakers.save(tmp_path, fitted)
        loaded = pseudo_speakers.load(tmp_path, options())
        assert isinstance(loaded, Quantised)
        assert np.array_equal(loaded.codebook.encode(spoken.vectors), fitted.codebook.encode(spoken.vectors))
        assert [loaded.gender_of(vector) for vector in spoken.vectors] == list(spoken.genders)


def test_what_cannot_be(spoken: Pool, tmp_path: Path) -> None:
    for changed, said in (
        (options(9), "bits 9: expected 1 to 8"),
        (options(quantizer="vq"), "codes of kind vq have no order"),
        (options(quantizer="lattice"), "expected one of grouped"),
        (replace(options(), cross_gender=True), "would tell the source's"),
    ):
        with pytest.raises(UsageError, match=said):
            Quantised.fit(spoken, changed, seed=1)
    assert spoken.utterances is not None and spoken.speakers is not None
    few = replace(spoken, utterances=spoken.utterances[:20], speakers=spoken.speakers[:20])
    with pytest.raises(DataError, match="20 utterances cannot train a codebook of 6 bits"):
        Quantised.fit(few, options(6), seed=1)
    pseudo_speakers.save(tmp_path, Quantised.fit(spoken, options(), seed=1))
    arrays = dict(np.load(tmp_path / "pseudo.npz"))
    np.savez(tmp_path / "pseudo.npz", **arrays, **{"other.mean": np.ones(3)})
    with pytest.raises(DataError, match=r"holds other\.mean"):
        pseudo_speakers.load(tmp_path, options())

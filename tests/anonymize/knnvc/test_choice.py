"""Targets of utterances: chains, genders, levels, and nobody becomes oneself."""

from __future__ import annotations

import pytest

from pseudovox.anonymize import targets
from pseudovox.anonymize.knnvc.choice import choose, speakers_of
from pseudovox.config import load
from pseudovox.core.errors import DataError
from pseudovox.data.datadir import DataDir

KNOWN = [targets.Target(name, name[0], (5.0, 0.2)) for name in ("f1", "f2", "f3", "m1", "m2", "m3")]


@pytest.mark.parametrize("gender", ["same", "opposite", "any"])
def test_chains(tiny_data: DataDir, gender: str) -> None:
    options = load(None, [f"pseudo.target_gender={gender}"]).pseudo
    chains, last = choose(KNOWN, tiny_data, options, level="utt", seed=3, steps=3)
    plain = targets.choose(KNOWN, tiny_data, options, level="utt", seed=3)
    assert {utt: chain[-1] for utt, chain in chains.items()} == plain.utterances == last.utterances
    assert len(set(chains.values())) > 1 and {len(chain) for chain in chains.values()} == {3}
    for utterance, chain in chains.items():
        own = tiny_data.utt2spk[utterance]
        assert own not in {target.id for target in chain}
        assert gender == "any" or all((target.gender == own[0]) == (gender == "same") for target in chain)


def test_one_chain_for_all_of_a_speakers_utterances(tiny_data: DataDir) -> None:
    chains, last = choose(KNOWN, tiny_data, load(None, []).pseudo, level="spk", seed=3, steps=2)
    assert len({chains[utt] for utt in tiny_data.spk2utt["m1"]}) == 1 and set(last.speakers) == set(tiny_data.speakers)


def test_a_card_without_targets() -> None:
    assert speakers_of({"speakers": [{"id": "f1", "gender": "f", "log_f0": [5.0, 0.2]}]}, "x") == KNOWN[:1]
    with pytest.raises(DataError, match=r"x: facts\.speakers"):
        speakers_of({"speakers": [{"id": "f1"}]}, "x")

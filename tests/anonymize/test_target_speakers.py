"""Target speakers: who may be drawn, what a draw depends on, and what is refused."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from pseudovox.anonymize import targets
from pseudovox.anonymize.targets import Target, choose
from pseudovox.core.errors import DataError, UsageError
from pseudovox.data.datadir import DataDir
from pseudovox.kinds.strategies.target import Options

VOICES = [Target(f"{gender}{number}", gender, (5.0, 0.2)) for gender in "fm" for number in range(1, 6)]


def drawn(data: DataDir, level: str = "utt", seed: int = 1, **options: str) -> dict[str, str]:
    chosen = choose(VOICES, data, Options(**options), level=level, seed=seed)  # type: ignore[arg-type]
    assert list(chosen.utterances) == tiny_order(data)
    return {utterance: target.id for utterance, target in chosen.utterances.items()}


def tiny_order(data: DataDir) -> list[str]:
    return [utterance for own in data.spk2utt.values() for utterance in own]


def test_one_for_each_utterance_or_speaker(tiny_data: DataDir) -> None:
    by_utterance, by_speaker = drawn(tiny_data), drawn(tiny_data, "spk")
    assert len({by_utterance[f"m1-{number}"] for number in range(4)}) > 1
    assert all(len({by_speaker[f"{speaker}-{number}"] for number in range(4)}) == 1 for speaker in ("f1", "m1", "m2"))
    chosen = choose(VOICES, tiny_data, Options(), level="spk", seed=1)
    assert {speaker: target.id for speaker, target in chosen.speakers.items()} == {
        speaker: by_speaker[f"{speaker}-0"] for speaker in ("f1", "m1", "m2")
    }
    assert not choose(VOICES, tiny_data, Options(), level="utt", seed=1).speakers


def test_a_draw_depends_on_seed_data_dir_and_id_alone(tiny_data: DataDir) -> None:
    whole = drawn(tiny_data)
    part = tiny_data.subset(["m1-2", "m2-0"])
    assert drawn(part) == {utterance: whole[utterance] for utterance in part.utterances}
    assert drawn(tiny_data, seed=2) != whole
    assert drawn(DataDir("data/other", tiny_data.tables)) != whole


def test_constant_is_one_for_all_data_dirs(tiny_data: DataDir) -> None:
    found = set(drawn(tiny_data, target="constant").values())
    assert len(found) == 1 and found == set(drawn(DataDir("data/other", tiny_data.tables), target="constant").values())
    assert set(drawn(tiny_data, target="m4").values()) == {"m4"}
    chosen = choose(VOICES, tiny_data, Options(target="m4"), level="utt", seed=1)
    assert set(chosen.genders.values()) == {"m"} and len(chosen.speakers) == 3


def test_genders(tiny_data: DataDir) -> None:
    for gender, wanted in (("same", {"f1": "f", "m1": "m"}), ("opposite", {"f1": "m", "m1": "f"})):
        found = drawn(tiny_data, target_gender=gender)
        assert all(found[f"{speaker}-{n}"][0] == letter for speaker, letter in wanted.items() for n in range(4))
        constant = drawn(tiny_data, target_gender=gender, target="constant")
        assert len(set(constant.values())) == 2 and constant["f1-0"][0] == wanted["f1"]


def test_draws_are_even_and_never_the_speaker_itself(tiny_data: DataDir) -> None:
    found = [drawn(DataDir(f"data/{number}", tiny_data.tables))["f1-0"] for number in range(900)]
    counts = Counter(found)
    assert set(counts) == {target.id for target in VOICES} - {"f1"}
    assert min(counts.values()) > 60 and max(counts.values()) < 140  # 100 each


def test_what_is_refused(tiny_data: DataDir) -> None:
    with pytest.raises(UsageError, match=r"pseudo.target 'x9': none of the synthesizer's 10 speakers"):
        drawn(tiny_data, target="x9")
    with pytest.raises(UsageError, match="expected same, opposite, any"):
        drawn(tiny_data, target_gender="other")
    del tiny_data.tables["spk2gender"]
    with pytest.raises(DataError, match="needs the table spk2gender"):
        drawn(tiny_data, target_gender="same")
    with pytest.raises(DataError, match="can be the target of f1"):
        choose(VOICES[:1], tiny_data, Options(), level="utt", seed=1)


def test_targets_are_the_training_speakers_of_a_one_hot_synthesizer(tmp_path: Path) -> None:
    def card(facts: object) -> None:
        text = json.dumps({"kind": "hifigan", "hyperparameters": {}, "facts": facts})
        (tmp_path / "model.json").write_text(text)

    card({"speakers": [{"id": "a", "gender": "", "log_f0": [5, 0.1]}]})
    assert targets.read(tmp_path) == [Target("a", "", (5.0, 0.1))]
    card({"xvector": 5})
    with pytest.raises(DataError, match=r"speaks with x-vectors(.|\n)*one-hot"):
        targets.read(tmp_path)
    card({"speakers": [{"id": "a", "gender": "", "log_f0": 5}]})
    with pytest.raises(DataError, match=r"facts\.speakers"):
        targets.read(tmp_path)

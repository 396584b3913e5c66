"""What the privacy table warns of: attackers out of order, and attackers that failed."""

import json
from pathlib import Path

from pseudovox.records import Record
from pseudovox.report.tables import privacy_table
from pseudovox.report.warnings import privacy_warnings, with_validation


def eer(attacker: str, value: float, margin: float = 2.0, *, system: str = "vq", **more: object) -> Record:
    level = "" if system == "original" else "spk"
    ends = {"ci_low": value - margin, "ci_high": value + margin} if margin else {}
    return Record("eer", value, "%", system, attacker, "test", "f", level, **ends, **more)  # type: ignore[arg-type]


ORIGINAL = eer("original", 2.0, system="original")
IN_ORDER = [ORIGINAL, eer("ignorant", 50.0), eer("lazy-informed", 40.0), eer("semi-informed", 30.0, training="scratch")]


def test_nothing_to_warn_of() -> None:
    assert privacy_warnings(IN_ORDER) == []
    # Within the intervals, the order means nothing; without intervals neither.
    assert privacy_warnings([eer("lazy-informed", 40.0), eer("semi-informed", 43.0, training="scratch")]) == []
    assert privacy_warnings([eer("lazy-informed", 40.0, 0), eer("semi-informed", 45.0, 0, training="scratch")]) == []
    assert privacy_warnings([]) == []


def test_more_knowledge_must_not_do_worse() -> None:
    [found] = privacy_warnings([*IN_ORDER[:3], eer("semi-informed", 46.0, training="scratch")])
    assert found == (
        "vq, female: the semi-informed attacker errs more (46.0 [44.0, 48.0]) than the lazy-informed one "
        "(40.0 [38.0, 42.0]), who knows less: it was trained too little, or on speech unlike the trials. The lower "
        "figure is what privacy there is."
    )
    # The headline counts: a weaker way of training beside it is no breach.
    assert privacy_warnings([*IN_ORDER, eer("semi-informed", 46.0, training="continued")]) == []
    [found] = privacy_warnings([ORIGINAL, eer("ignorant", 30.0), eer("lazy-informed", 40.0)])
    assert "the lazy-informed attacker errs more" in found


def test_original_speech_is_the_easiest() -> None:
    [found] = privacy_warnings([eer("original", 40.0, system="original"), eer("lazy-informed", 20.0)])
    assert "anonymized speech is easier to recognise (lazy-informed, 20.0 [18.0, 22.0]) than original" in found


def test_private_knnvc_artefact() -> None:
    # Targets of the speaker's own gender, eight clusters: 49.6 % from a 512-channel ECAPA trained from scratch.
    artefact = eer("semi-informed", 49.6, 1.5, training="scratch")
    found = privacy_warnings([ORIGINAL, eer("lazy-informed", 31.0), artefact])
    assert found[0] == (
        "vq, female: the semi-informed (scratch) attacker only guesses (49.6 [48.1, 51.1]) where the lazy-informed one "
        "does not (31.0 [29.0, 33.0]): an attacker failure is not privacy; widen attacker.channels to 1024, train to "
        "convergence."
    )
    # The other way of training gives it away, too.
    [found_by_training] = privacy_warnings([artefact, eer("semi-informed", 22.5, training="continued")])
    assert "the semi-informed (continued) one does not (22.5 [20.5, 24.5])" in found_by_training
    # Where nobody does better, 50 % may be true.
    assert privacy_warnings([eer("lazy-informed", 48.0), artefact]) == []
    assert any("only guesses" in note for note in privacy_table([artefact, eer("lazy-informed", 31.0)], "test").notes)


def test_an_attacker_that_learned_nothing_says_so_itself() -> None:
    blind = {"attacker_validation_eer": 47.0, "attacker_validation_accuracy": 0.9, "attacker_speakers": 100}
    [found] = privacy_warnings([eer("semi-informed", 49.0, training="scratch", details=blind)])
    assert "an attacker learned nothing: semi-informed (scratch) on vq (EER 47.0 %). Its EER" in found
    guessing = {**blind, "attacker_validation_eer": 30.0, "attacker_validation_accuracy": 0.02}
    [found] = privacy_warnings([eer("semi-informed", 49.0, training="scratch", details=guessing)])
    assert "2.0 % of utterances given to the right speaker, by chance 1.0 %" in found
    sound = {**guessing, "attacker_validation_accuracy": 0.2}
    assert privacy_warnings([eer("semi-informed", 49.0, training="scratch", details=sound)]) == []


def test_validation_is_read_from_the_models(tmp_path: Path) -> None:
    for folder, validation in (("original", {"eer": 5.0, "accuracy": 0.9}), ("vq/scratch", {"eer": 44.0})):
        (tmp_path / folder).mkdir(parents=True)
        card = {"kind": "ecapa", "hyperparameters": {}, "facts": {"speakers": ["a", "b"], "validation": validation}}
        (tmp_path / folder / "model.json").write_text(json.dumps(card))
    records = [eer("ignorant", 50.0), *(eer("semi-informed", 50.0, training=way) for way in ("scratch", "continued"))]
    told = with_validation([*records, Record("wer", 1.0)], tmp_path)
    assert told[0].details == {
        "attacker_validation_eer": 5.0, "attacker_validation_accuracy": 0.9, "attacker_speakers": 2,
    }  # fmt: skip
    assert told[1].details == {"attacker_validation_eer": 44.0, "attacker_speakers": 2}
    assert told[2].details == told[3].details == {}

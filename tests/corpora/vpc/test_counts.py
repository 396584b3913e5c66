"""The published numbers agree with each other, and with the published error rates, where the rules determine them."""

import pytest

from pseudovox.corpora.vpc.counts import ENROLMENTS, GENDERS, IEMOCAP, TRIALS, differences, mixed, published
from pseudovox.data.datadir import DataDir

LIBRI = [name for name in TRIALS if name.startswith("libri")]
COMMON = [name for name in TRIALS if name.endswith("_common")]
DIFFERENT = [name for name in TRIALS if name.startswith("vctk") and name not in COMMON]
# Published EERs of original speech (percent): so many of the targets are missed at the threshold.
MISSED = {
    "libri_dev_trials_f": (8.665, 61), "libri_dev_trials_m": (1.242, 8), "libri_test_trials_f": (7.664, 42),
    "libri_test_trials_m": (1.114, 5), "vctk_dev_trials_f": (2.864, 51), "vctk_dev_trials_m": (1.439, 29),
    "vctk_dev_trials_f_common": (2.616, 9), "vctk_dev_trials_m_common": (1.425, 5), "vctk_test_trials_f": (4.887, 95),
    "vctk_test_trials_m": (2.067, 36), "vctk_test_trials_f_common": (2.89, 10), "vctk_test_trials_m_common": (1.13, 4),
}  # fmt: skip


@pytest.mark.parametrize("name", LIBRI)
def test_librispeech_compares_everybody_enrolled_with_every_utterance_of_the_gender(name: str) -> None:
    rule = TRIALS[
        name
    ]  # 15 x 1018 = 704 + 14566, 14 x 960 = 644 + 12796, 16 x 734 = 548 + 11196, 13 x 762 = 449 + 9457
    assert rule.pairs == rule.trials and rule.speakers == 20


@pytest.mark.parametrize(("name", "missing"), zip(COMMON, (6, 3, 6, 4), strict=True))
def test_vctk_common_is_all_pairs_but_a_few(name: str, missing: int) -> None:
    rule = TRIALS[name]
    assert rule.targets == rule.utterances, "every speaker of the list is enrolled"
    assert rule.pairs - rule.trials == missing


@pytest.mark.parametrize("name", DIFFERENT)
def test_vctk_different_is_15000_of_the_pairs(name: str) -> None:
    rule = TRIALS[name]
    assert rule.trials == 15_000 == 1000 * rule.enrolled and rule.trials < rule.pairs


@pytest.mark.parametrize("name", TRIALS)
def test_targets_show_in_the_published_error_rates(name: str) -> None:
    rate, missed = MISSED[name]
    assert 100 * missed / TRIALS[name].targets == pytest.approx(rate, abs=6e-3)


def test_totals() -> None:
    totals = {
        "libri_dev": 1978, "libri_test": 1496, "vctk_dev": 10677, "vctk_test": 10748, "vctk_dev_common": 695,
        "vctk_test_common": 700,
    }  # fmt: skip
    for name, total in totals.items():
        part, common = name.removesuffix("_common"), name[len(name.removesuffix("_common")) :]
        assert sum(TRIALS[f"{part}_trials_{gender}{common}"].utterances for gender in GENDERS) == total
    for name, enrolment in ENROLMENTS.items():
        part = name.removesuffix("_enrolls")
        assert {gender: TRIALS[f"{part}_trials_{gender}"].enrolled for gender in GENDERS} == enrolment.speakers
    for part in ("vctk_dev", "vctk_test"):
        assert ENROLMENTS[f"{part}_enrolls"].utterances == 20 * 30
    assert [sum(ENROLMENTS[f"libri_{split}_enrolls"].speakers.values()) for split in ("dev", "test")] == [29, 29]
    assert sum(map(sum, IEMOCAP.values())) == 5531


def test_mixed_lists_have_the_targets_of_both() -> None:
    assert (mixed("dev").targets, mixed("test").targets) == (1348, 997)
    assert mixed("dev").pairs == 29 * 1978 == mixed("dev").trials
    # EERs of baselines of 2026: B2 semi-informed and lazy-informed, of dev and of test.
    for split, missed, rate in (("dev", 94, 6.973), ("dev", 154, 11.423), ("test", 47, 4.713), ("test", 72, 7.220)):
        assert 100 * missed / mixed(split).targets == pytest.approx(rate, abs=2e-3)
    assert published("libri_dev_trials_mixed") == mixed("dev") and published("train-clean-360") is None


def test_differences_name_both_numbers() -> None:
    tables = {"utt2spk": {"a-1": "a", "b-1": "b"}, "spk2gender": {"a": "f", "b": "f"}}
    enrolls = DataDir("data/libri_dev_enrolls", tables, {"enrolls": ["a-1"]})
    assert differences(enrolls) == [
        "2 speakers (f) (published 15)", "0 speakers (m) (published 14)", "1 utterances (published 343)",
    ]  # fmt: skip
    trials = DataDir("data/libri_dev_trials_f", tables, {"trials": ["a a-1 target", "a b-1 nontarget"]})
    assert differences(trials)[-2:] == ["1 target trials (published 704)", "1 non-target trials (published 14566)"]
    assert differences(DataDir("data/mine", tables)) == []

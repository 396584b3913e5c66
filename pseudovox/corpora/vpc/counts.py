"""What the VoicePrivacy Challenges published about their data sets, and how a data dir differs from it.

Evaluation plans of 2020, 2022 and 2024 (LibriSpeech dev-clean and test-clean, VCTK, IEMOCAP); 2026 mixes the genders.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pseudovox.data.datadir import DataDir

COMMON = 24  # VCTK's sentences 1-24 are read by all its speakers; their trials are lists of their own
SPLITS = ("dev", "test")
GENDERS = ("f", "m")


@dataclass(frozen=True)
class Enrolment:
    """A published enrolment set.

    Attributes:
        speakers: enrolled, by gender.
        utterances: of all of them.
    """

    speakers: dict[str, int]
    utterances: int


@dataclass(frozen=True)
class Trials:
    """A published list of trials.

    Attributes:
        enrolled: speakers that the list's utterances are compared with.
        speakers: of the utterances; those who are not enrolled give non-target trials alone.
        utterances: that stand in the list.
        targets, nontargets: trials.
    """

    enrolled: int
    speakers: int
    utterances: int
    targets: int
    nontargets: int

    @property
    def pairs(self) -> int:
        """Every enrolled speaker with every utterance."""
        return self.enrolled * self.utterances

    @property
    def trials(self) -> int:
        return self.targets + self.nontargets


ENROLMENTS = {
    "libri_dev_enrolls": Enrolment({"f": 15, "m": 14}, 343),
    "libri_test_enrolls": Enrolment({"f": 16, "m": 13}, 438),
    "vctk_dev_enrolls": Enrolment({"f": 15, "m": 15}, 600),
    "vctk_test_enrolls": Enrolment({"f": 15, "m": 15}, 600),
}

# LibriSpeech: all pairs of one gender. VCTK, common sentences: all but three to six of the pairs, which ones was not
# published. VCTK, the other sentences: 15,000 of the pairs.
TRIALS = {
    "libri_dev_trials_f": Trials(15, 20, 1018, 704, 14566),
    "libri_dev_trials_m": Trials(14, 20, 960, 644, 12796),
    "libri_test_trials_f": Trials(16, 20, 734, 548, 11196),
    "libri_test_trials_m": Trials(13, 20, 762, 449, 9457),
    "vctk_dev_trials_f_common": Trials(15, 15, 344, 344, 4810),
    "vctk_dev_trials_m_common": Trials(15, 15, 351, 351, 4911),
    "vctk_dev_trials_f": Trials(15, 15, 5422, 1781, 13219),
    "vctk_dev_trials_m": Trials(15, 15, 5255, 2015, 12985),
    "vctk_test_trials_f_common": Trials(15, 15, 346, 346, 4838),
    "vctk_test_trials_m_common": Trials(15, 15, 354, 354, 4952),
    "vctk_test_trials_f": Trials(15, 15, 5328, 1944, 13056),
    "vctk_test_trials_m": Trials(15, 15, 5420, 1742, 13258),
}

# Utterances of the four emotions in the sessions 1-5, by the speaker's gender.
IEMOCAP = {"f": (528, 481, 522, 528, 590), "m": (557, 542, 629, 503, 651)}


def mixed(split: str) -> Trials:
    """The gender-mixed list of LibriSpeech of 2026: every enrolled speaker with every utterance of both genders.

    Its counts were not published. That the targets are those of both lists of 2024 together shows in the published
    error rates, which are multiples of one target (94 of 1348 = 6.973 %); the non-targets are our reading.
    """
    both = [TRIALS[f"libri_{split}_trials_{gender}"] for gender in GENDERS]
    enrolled, speakers = sum(one.enrolled for one in both), sum(one.speakers for one in both)
    utterances, targets = sum(one.utterances for one in both), sum(one.targets for one in both)
    return Trials(enrolled, speakers, utterances, targets, enrolled * utterances - targets)


def published(name: str) -> Enrolment | Trials | None:
    """What was published about the data dir of this name, if anything."""
    if name.startswith("libri_") and name.endswith("_trials_mixed"):
        return mixed(name.split("_")[1])
    return ENROLMENTS.get(name) or TRIALS.get(name)


def differences(data: DataDir) -> list[str]:
    """How an enrolment or trial dir differs from the published one, e.g. "1012 utterances (published 1018)"."""
    expected = published(data.name)
    found: Iterable[tuple[str, int, int]] = ()
    if isinstance(expected, Enrolment):
        genders = list(data.spk2gender.values())
        found = [
            *((f"speakers ({gender})", genders.count(gender), count) for gender, count in expected.speakers.items()),
            ("utterances", len(data.enrolls), expected.utterances),
        ]
    elif isinstance(expected, Trials):
        targets = sum(trial.target for trial in data.trials)
        found = [
            ("enrolled speakers", len({trial.speaker for trial in data.trials}), expected.enrolled),
            ("speakers", len(data.speakers), expected.speakers),
            ("utterances", len(data.utterances), expected.utterances),
            ("target trials", targets, expected.targets),
            ("non-target trials", len(data.trials) - targets, expected.nontargets),
        ]
    return [f"{number} {what} (published {count})" for what, number, count in found if number != count]

"""Averages over trial lists, and the privacy conditions of the challenges that a system meets by them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pseudovox.data.datadir.origin import conventional
from pseudovox.records import ORIGINAL, Record

# Least mean EER (percent) of the semi-informed attacker for EER_1, EER_2, ... (evaluation plans of the challenges).
CONDITIONS = {"VPC 2022": (15.0, 20.0, 25.0, 30.0), "VPC 2024": (10.0, 20.0, 30.0, 40.0)}
COUNTED = "semi-informed"  # the attacker that the conditions are about


@dataclass(frozen=True)
class Place:
    """Where a set belongs, told by its name: "vctk", "dev" and True of "vctk_dev_common".

    Attributes:
        dataset: the corpus; "" where the name is that of the split alone.
        split: "dev" or "test"; the whole name where it has neither.
        common: VCTK's sentences that all its speakers read.
    """

    dataset: str
    split: str
    common: bool = False

    @classmethod
    def of(cls, name: str) -> Place:
        whole = name.removesuffix("_common")
        dataset, _, split = whole.rpartition("_")
        if split in ("dev", "test"):
            return cls(dataset, split, whole != name)
        return cls("", name)

    @property
    def base(self) -> str:
        """The name without `_common`."""
        return f"{self.dataset}_{self.split}" if self.dataset else self.split


def trial_dir(record: Record) -> str:
    """The original trial dir that a figure is of, named as the challenges do: vctk_dev_trials_f_common."""
    place = Place.of(record.set)
    return f"{place.base}_trials_{record.group}{'_common' if place.common else ''}"


def in_split(records: Sequence[Record], split: str) -> list[Record]:
    """The records of a split, of whatever corpus."""
    return [record for record in records if Place.of(record.set).split == split]


def splits(records: Sequence[Record]) -> list[str]:
    """The splits that there are: dev, test, then others."""
    found = {Place.of(record.set).split for record in records}
    return sorted(found, key=lambda name: (name != "dev", name != "test", name))


def weighted_mean(records: Sequence[Record], weights: Mapping[str, float]) -> float | None:
    """The mean of one metric over the trial lists of one split, for one system and attacker.

    Args:
        records: one for each list. Where there are lists of women and of men, those of all speakers do not count.
        weights: by trial dir. Those for the split of the records are used; without any, the mean is plain.

    Returns:
        None if there is no record, a value is undefined, or a list that has a weight is missing.
    """
    by_gender = [record for record in records if record.group != "all"] or list(records)
    values = {trial_dir(record): record.value for record in by_gender}
    if not values or None in values.values():
        return None
    split = Place.of(by_gender[0].set).split
    own = {name: weight for name, weight in weights.items() if Place.of(conventional(name).set).split == split}
    own = own or dict.fromkeys(values, 1.0)
    if not own.keys() <= values.keys() or sum(own.values()) <= 0:
        return None
    return sum(weight * (values[name] or 0.0) for name, weight in own.items()) / sum(own.values())


def mean_wer(records: Sequence[Record], system: str, split: str) -> float | None:
    """The mean word error rate over the corpora of a split, as the challenges rank by it; None if there is none."""
    # Of values weighted by words, not of counts of errors: means over several runs have no counts.
    rates = []
    for own in _spoken(records, system, split).values():
        words = sum(record.n for record in own)
        if words == 0 or any(record.value is None for record in own):
            return None
        rates.append(sum(record.n * (record.value or 0.0) for record in own) / words)
    return sum(rates) / len(rates) if rates else None


@dataclass(frozen=True)
class SpokenTotal:
    """Errors of a recogniser on all the speech of a corpus and split."""

    words: int
    insertions: int
    deletions: int
    substitutions: int

    @property
    def errors(self) -> int:
        return self.insertions + self.deletions + self.substitutions

    @property
    def rate(self) -> float:
        """Percent; NaN without words."""
        return 100.0 * self.errors / self.words if self.words else float("nan")


def _spoken(records: Sequence[Record], system: str, split: str) -> dict[str, list[Record]]:
    """WER by base name ("vctk_dev", which takes in "vctk_dev_common"), of a system or of original speech."""
    found: dict[str, list[Record]] = {}
    for record in in_split(records, split):
        if record.metric == "wer" and record.system == system and record.group == "all" and not record.training:
            found.setdefault(Place.of(record.set).base, []).append(record)
    return found


def spoken_totals(records: Sequence[Record], system: str, split: str) -> dict[str, SpokenTotal]:
    """Word errors by base name, as `mean_wer` takes them together."""

    def total(own: Sequence[Record], name: str) -> int:
        return sum(int(record.details.get(name, 0)) for record in own)

    return {
        base: SpokenTotal(
            sum(record.n for record in own),
            *(total(own, name) for name in ("insertions", "deletions", "substitutions")),
        )
        for base, own in _spoken(records, system, split).items()
    }


def counted_attack(records: Sequence[Record], system: str, split: str, weights: Mapping[str, float]) -> list[Record]:
    """The EERs of the semi-informed attacker in a split; where it was trained in several ways, of the strongest.

    The strongest is that of the lowest mean over the split's lists, the same one for all lists.
    """
    own = [r for r in in_split(records, split) if (r.metric, r.system, r.attacker) == ("eer", system, COUNTED)]
    ways = {way: [record for record in own if record.training == way] for way in sorted({r.training for r in own})}

    def strength(way: str) -> tuple[bool, float, str]:
        mean = weighted_mean(ways[way], weights)
        return mean is None, mean or 0.0, way

    return ways[min(ways, key=strength)] if ways else []


@dataclass(frozen=True)
class Standing:
    """What a system has reached in a split.

    Attributes:
        eer: mean EER (percent) of the semi-informed attacker, of the strongest way to train it (`training`).
        entered: names of the conditions met, by challenge.
        wer: mean WER (percent), which ranks the systems within a condition; None if not measured.
    """

    system: str
    eer: float
    training: str
    entered: dict[str, list[str]]
    wer: float | None


def standings(records: Sequence[Record], split: str, weights: Mapping[str, float]) -> list[Standing]:
    """Every system that a semi-informed attacker was tried on, the most private first."""
    found = []
    for system in sorted({record.system for record in records} - {ORIGINAL}):
        attack = counted_attack(records, system, split, weights)
        mean = weighted_mean(attack, weights)
        if mean is None:
            continue
        entered = {
            challenge: [f"EER_{number}" for number, bound in enumerate(bounds, 1) if mean >= bound]
            for challenge, bounds in CONDITIONS.items()
        }
        found.append(Standing(system, mean, attack[0].training, entered, mean_wer(records, system, split)))
    return sorted(found, key=lambda one: (-one.eer, one.system))

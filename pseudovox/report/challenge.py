"""The result files of the VoicePrivacy Challenges, in the forms of their kits, from the records.

2020 and 2022: `results.txt`, a block for every trial list and recognised set, and the 2022 summary of one line each,
with the averages below. 2024: `result_for_rank<suffix>`. What was not measured is left out. Anonymized data dirs are
called `<dir>_anon` in them, whatever the system; the recogniser has one line, since there is one language model.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

from pseudovox.kinds.attackers import ATTACKERS
from pseudovox.records import ORIGINAL, Record
from pseudovox.report.averages import (
    Place,
    counted_attack,
    in_split,
    mean_wer,
    splits,
    spoken_totals,
    trial_dir,
    weighted_mean,
)

ORIGINAL_ASV = ("original", "ignorant", "lazy-informed")  # attackers whose ASV was trained on original speech
GVD, DEID, PITCH = "voice_distinctiveness_gain", "deid", "pitch_correlation_vpc2022"
EMOTIONS = ("sad", "neu", "ang", "hap")


# ---------------------------------------------------------------------- 2020, 2022
def results_txt(records: Sequence[Record], system: str, weights: Mapping[str, float], *, semi_informed: bool) -> str:
    """results.txt of one system.

    Args:
        records: of a run.
        system: its name.
        weights: choose among ways to train the attacker, see `averages.counted_attack`.
        semi_informed: the file of the evaluation models that were trained on anonymized speech, with the utility
            figures of 2022; otherwise of those trained on original speech, with the recogniser's.
    """
    blocks: dict[str, list[str]] = {}
    for split in splits(records):
        if semi_informed:
            chosen = counted_attack(records, system, split, weights)
        else:
            chosen = [
                record
                for record in in_split(records, split)
                if record.metric == "eer"
                and record.attacker in ORIGINAL_ASV
                and record.system == (ORIGINAL if record.attacker == "original" else system)
            ]
        for eer in chosen:
            blocks[_trial_title(eer)] = _trial_lines(records, eer)
        for name, speech in (("", ORIGINAL), ("_anon", system)):
            for base, line in _wer_lines(records, speech, split).items() if not semi_informed else ():
                blocks[f"ASR-{base}_asr{name}"] = [line]
    # As sorted by bytes, with the trials before the recognised sets.
    names = sorted(blocks, key=lambda name: (not name.startswith("ASV"), name.encode()))
    lines = [line for name in names for line in (name, *(f"  {line}" for line in blocks[name]))]
    if semi_informed:
        lines += _pitch_lines(records, system)
        for name, own in _by_list(records, system, (DEID, GVD)).items():
            lines.append(name)
            if DEID in own:
                lines.append(f"  De-Identification : {own[DEID].value}")
            if GVD in own:
                lines.append(f"  Gain of voice distinctiveness : {own[GVD].value}")
    return _text(lines)


def summary_txt(records: Sequence[Record], system: str, weights: Mapping[str, float]) -> str:
    """The 2022 summary of one system: a line for every figure that counts, then the averages over them."""
    found = splits(records)
    eers: dict[str, list[Record]] = {}
    for split in found:
        original = [r for r in in_split(records, split) if (r.metric, r.attacker) == ("eer", "original")]
        eers[f"{split} orig"] = original
        eers[f"{split} anon"] = counted_attack(records, system, split, weights)
    lines = []
    for kind in ("orig", "anon"):
        for split in found:
            ordered = sorted(eers[f"{split} {kind}"], key=_trial_title)
            lines += [f"{_trial_title(record)}  EER: {_percent(record.value)}" for record in ordered]
    for name, speech in (("", ORIGINAL), ("_anon", system)):
        for split in found:
            for base, line in _wer_lines(records, speech, split).items():
                lines.append(f"ASR-{base}_asr{name}  {line}")
    lines += _pitch_lines(records, system)
    for name, own in _by_list(records, system, (GVD,)).items():
        lines.append(f"{name}  Gain of voice distinctiveness : {own[GVD].value}")
    for kind in ("orig", "anon"):
        for split in found:
            mean = weighted_mean(eers[f"{split} {kind}"], weights)
            lines += _average(f"Weighted average EER {split} {kind}", mean)
    for kind, speech in (("orig", ORIGINAL), ("anon", system)):
        for split in found:
            lines += _average(f"Average WER {split} {kind}", mean_wer(records, speech, split))
    for metric, name in ((PITCH, "pitch correlation"), (GVD, "gain of voice distinctiveness")):
        for split in found:
            kept = [r for r in in_split(records, split) if (r.metric, r.system) == (metric, system)]
            lines += _average(f"Weighted average {name} {split}", weighted_mean(kept, weights))
    return _text(lines)


def _trial_title(eer: Record) -> str:
    """ASV-<enrolment dir>-<trial dir>."""
    enrolment, trials = ("_anon" if letter == "A" else "" for letter in ATTACKERS[eer.attacker].sides)
    return f"ASV-{Place.of(eer.set).base}_enrolls{enrolment}-{trial_dir(eer)}{trials}"


def _trial_lines(records: Sequence[Record], eer: Record) -> list[str]:
    """What is known of the trial list that an EER is of."""
    same = {
        record.metric: record
        for record in records
        if (record.system, record.set, record.attacker, record.training, record.level, record.group)
        == (eer.system, eer.set, eer.attacker, eer.training, eer.level, eer.group)
    }
    value = {name: math.nan if record.value is None else record.value for name, record in same.items()}
    lines = [f"EER: {_percent(eer.value)}"]
    if "min_cllr" in value:
        lines.append(f"Cllr (min/act): {value['min_cllr']:.3f}/{value.get('cllr', math.nan):.3f}")
    if "rocch_eer" in value:
        lines.append(f"ROCCH-EER: {value['rocch_eer']:.3f}%")
    if "linkability" in value:
        lines.append(f"linkability: {value['linkability']:.6f}")
    if "zebra_population" in value:
        lines.append(f"Population: {_small(value['zebra_population'])} bit")
    if "zebra_individual" in value:
        tag = same["zebra_individual"].details.get("tag", "?")
        lines.append(f"Individual: {_small(value['zebra_individual'])} ({tag})")
    return lines


def _wer_lines(records: Sequence[Record], speech: str, split: str) -> dict[str, str]:
    """Kaldi's line on each recognised set of a split, by its base name."""
    return {
        base: f"%WER {total.rate:.2f} [ {total.errors} / {total.words}, {total.insertions} ins, {total.deletions} del, "
        f"{total.substitutions} sub ] {speech}/wer"
        for base, total in sorted(spoken_totals(records, speech, split).items())
    }


def _pitch_lines(records: Sequence[Record], system: str) -> list[str]:
    return [
        f"{name}  Pitch_correlation: mean={own[PITCH].value:.4f} std={own[PITCH].details.get('deviation') or 0.0:.4f}"
        for name, own in _by_list(records, system, (PITCH,)).items()
    ]


def _by_list(records: Sequence[Record], system: str, metrics: Sequence[str]) -> dict[str, dict[str, Record]]:
    """Defined figures by trial list, dev before test, and metric; of all speakers only where no gender has one."""
    chosen = [r for r in records if r.metric in metrics and r.system == system and r.value is not None]
    chosen = [r for r in chosen if r.group != "all"] or chosen
    order = splits(records)
    found: dict[str, dict[str, Record]] = {}
    for record in sorted(chosen, key=lambda record: (order.index(Place.of(record.set).split), trial_dir(record))):
        found.setdefault(trial_dir(record), {})[record.metric] = record
    return found


def _average(name: str, value: float | None) -> list[str]:
    return [] if value is None else [f"{name}: {value:.3f}"]


def _percent(value: float | None) -> str:
    """Four significant digits, as Kaldi's compute-eer prints."""
    return f"{math.nan if value is None else value:.4g}%"


def _small(value: float) -> str:
    """Three decimals, or one significant digit of what these would not show."""
    if value == 0:
        return "0"
    return f"{value:.0e}" if abs(value) < 5e-4 else f"{value:.3f}"


def _text(lines: Sequence[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


# ---------------------------------------------------------------------- 2024
def result_for_rank(
    records: Sequence[Record], system: str, weights: Mapping[str, float], *, when: str, dataset: str
) -> str:
    """result_for_rank<suffix> of one system.

    Args:
        records: of a run.
        system: its name, the suffix.
        weights: choose among ways to train the attacker, see `averages.counted_attack`.
        when: dd-mm-yy_HH:MM.
        dataset: what to call sets whose names name none.
    """

    def where(record: Record) -> tuple[str, str]:
        place = Place.of(record.set)
        return place.dataset or dataset, place.split

    recognised = [
        record
        for record in records
        if record.metric == "uar" and record.group == "all" and record.system in (ORIGINAL, system)
    ]
    # Not the figure of all data dirs together, where dev and test have their own.
    recognised = [one for one in recognised if Place.of(one.set).split in ("dev", "test")] or recognised
    emotions = [([*where(one), "original" if one.system == ORIGINAL else "anon"], one) for one in recognised]
    emotions.sort(key=lambda row: row[0])
    recalls = [
        [*words, f"{record.details.get('mean_of_folds') or record.value or math.nan:.4f}",
         *(f"{share:.4f}" for share in _recalls(record))]
        for words, record in emotions
    ]  # fmt: skip

    def trials(name: str, own: Sequence[Record], first: int) -> list[tuple[int, list[str]]]:
        rows = sorted([*where(record), record.group, name, name, f"{record.value or 0.0:.3f}"] for record in own)
        # The kit numbers the rows of all three comparisons (OO, OA, AA) of each list.
        return [(3 * number + first, row) for number, row in enumerate(rows)]

    found = splits(records)
    unprotected = [r for r in records if (r.metric, r.attacker) == ("eer", "original") and r.value is not None]
    semi = [
        record
        for split in found
        for record in counted_attack(records, system, split, weights)
        if record.value is not None
    ]
    words: dict[tuple[str, str, str], str] = {}
    for split in found:
        for name, speech in (("original", ORIGINAL), ("anon", system)):
            for base, total in spoken_totals(records, speech, split).items():
                words[(Place.of(base).dataset or dataset, split, name)] = f"{total.rate:.3f}"
    spoken = sorted({key[:2] for key in words})
    rates = [
        (number + len(spoken) * (name == "anon"), [*place, name, words[(*place, name)]])
        for number, place in enumerate(spoken)
        for name in ("original", "anon")
        if (*place, name) in words
    ]
    header = ["dataset", "split", "gender", "enrollment", "trial", "EER"]
    sections = [f"---- Time: {when} ----\n"]
    if recalls:
        names = ["dataset", "split", "ser", "UAR", *(f"ACC_{name}" for name in EMOTIONS)]
        means = ["", "", "", *["mean"] * (len(names) - 3)]
        sections.append(_section("SER results", [names, means], list(enumerate(recalls))))
    if unprotected:
        sections.append(_section("ASV_eval results", [header], trials("original", unprotected, 0)))
    if rates:
        sections.append(_section("ASR results", [["dataset", "split", "asr", "WER"]], rates))
    sections.append(f"---- Time: {when} ----\n")
    if semi:
        sections.append(_section("ASV_eval^anon results", [header], trials("anon", semi, 2)))
    return "\n".join(sections)


def _recalls(record: Record) -> list[float]:
    """Recalls (percent) of the four emotions of the challenge, in its order, however they are spelt."""
    recalls = {name[:3].lower(): share for name, share in record.details.get("recalls", {}).items()}
    return [recalls.get(name, math.nan) for name in EMOTIONS]


def _section(title: str, header: Sequence[Sequence[str]], rows: Sequence[tuple[int, Sequence[str]]]) -> str:
    """A table as pandas prints a data frame: cells to the right, values one blank wider than they are, an index."""
    index = max((len(str(number)) for number, _ in rows), default=1)
    columns = range(len(header[0]))
    widths = [
        max(*(len(line[column]) for line in header), *(len(row[column]) + 1 for _, row in rows)) for column in columns
    ]
    padded: Callable[[Sequence[str]], str] = lambda cells: " ".join(  # noqa: E731
        cell.rjust(width) for cell, width in zip(cells, widths, strict=True)
    )
    lines = [f"---- {title} ----"]
    lines += [f"{'':{index}} {padded(line)}" for line in header]
    lines += [f"{number:<{index}} {padded(row)}" for number, row in rows]
    return _text(lines)

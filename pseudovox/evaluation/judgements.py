"""What independent judges (pseudovox.evaluation.judges) said, as figures: EER, WER and mean opinion scores of sets."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pseudovox.core import seeds
from pseudovox.core.errors import DataError
from pseudovox.data.archive import read_scp
from pseudovox.data.datadir import write_atomic
from pseudovox.evaluation import judges
from pseudovox.evaluation.intelligibility import by_set, level_of, rate_records
from pseudovox.evaluation.trials import check_apart, score_trials, write_scores
from pseudovox.evaluation.trials import records as privacy_records
from pseudovox.metrics import wer
from pseudovox.records import ORIGINAL, Record, whisper_metric

if TYPE_CHECKING:
    from pseudovox.config import Config
    from pseudovox.data.datadir import DataDir
    from pseudovox.evaluation.judges import Asked

METRICS = {
    "resemblyzer": ("resemblyzer_eer",),
    "pocketsphinx": ("pocketsphinx_wer",),
    "distillmos": ("distillmos",),
    "dnsmos": ("dnsmos_sig", "dnsmos_bak", "dnsmos_ovrl", "dnsmos_p808"),  # in the order of a judgement
    "nisqa": ("nisqa_mos", "nisqa_noisiness", "nisqa_discontinuity", "nisqa_coloration", "nisqa_loudness"),
    "squim_objective": ("squim_stoi", "squim_pesq", "squim_sisdr"),
    "squim_subjective": ("squim_mos",),
}
TRANSCRIBERS = ("pocketsphinx", "whisper")


def metrics_of(name: str) -> tuple[str, ...]:
    """The figures of a judge, given its name (judges.Asked)."""
    if name.startswith("whisper-"):
        return (whisper_metric(name.removeprefix("whisper-")),)
    return METRICS[name]


def enrolment_for(trials: DataDir, data: Sequence[DataDir]) -> DataDir:
    """The data dir with `enrolls` that holds the speakers of a trial list: of several, that of the same set.

    Raises:
        DataError: there is none, or no telling which.
    """
    speakers = {trial.speaker for trial in trials.trials}
    found = [part for part in data if "enrolls" in part.lists and speakers <= set(part.speakers)]
    if len(found) > 1:
        found = [part for part in found if part.origin.set == trials.origin.set]
    if len(found) != 1:
        raise DataError(
            f"{trials.path}/trials: {len(found) or 'none'} of the data dirs enrol its {len(speakers)} speakers",
            "give the data dir with `enrolls` that holds them, too",
        )
    return found[0]


def speaker_records(
    data: Sequence[DataDir], made: Mapping[Path, DataDir], root: Path, out: Path, system: str, config: Config, seed: int
) -> list[Record]:
    """EER of every trial list by resemblyzer: OO of the original, or OA and AA of a system.

    Args:
        data: original data dirs, enrolment and trials.
        made: what the system made of each, by its path; empty for the original.
        root: the judgements, <root>/<data dir>/judgement.scp.
        out: where the scores go, <attacker>/<enrolment dir>-<trial dir>/scores.
        system: its name, or ORIGINAL.
        config: sections `scoring` and `levels`.
        seed: of the intervals.
    """
    records = []
    check_apart(part for part in data if "trials" in part.lists)
    for part in data:
        if "trials" not in part.lists:
            continue
        enrolment = enrolment_for(part, data)
        trials = made.get(part.path, part)
        sides = {"original": enrolment}
        if system != ORIGINAL:
            sides = {"ignorant": enrolment, "lazy-informed": made[enrolment.path]}
        for attacker, side in sides.items():
            enrolled, tested = (read_scp(root / name / "judgement.scp") for name in (side.name, trials.name))
            scores = score_trials(side, trials, enrolled, tested)
            write_scores(out / attacker / f"{side.name}-{trials.name}", trials, scores)
            [eer, *_] = privacy_records(scores, trials, config, attacker=attacker, system=system, seed=seed)
            records.append(dataclasses.replace(eer, metric=METRICS["resemblyzer"][0]))
    return records


def word_records(
    data: Sequence[DataDir], judge: Asked, root: Path, out: Path, system: str, config: Config, seed: int
) -> list[Record]:
    """WER of every set by one of TRANSCRIBERS; `out` gets <data dir>/hyp, a table like `text`.

    That of pocketsphinx lies in `out` itself, that of another judge in its folder there.

    Args:
        data: what was judged, original or anonymized; with `text`.
        judge: which.
        root, out, system, seed: as in `speaker_records`.
        config: sections `wer` (interval) and `levels`.
    """
    from pseudovox.evaluation.judges import whisper

    facts: dict[str, object] = {"normalisation": "words"}
    if judge.model:
        facts = {
            "normalisation": whisper.normaliser(judge.language)[0],
            "model": whisper.facts(judge.model),
            "language": judge.language,
            "decoding": "greedy",
        }
        out = out / judge.name
    edits: dict[str, wer.Edits] = {}
    for part in data:
        hypotheses = hypotheses_of(part, root)
        edits |= _edits(part, hypotheses, judge)
        table = "".join(f"{utterance} {text}".rstrip() + "\n" for utterance, text in hypotheses.items())
        (out / part.name).mkdir(parents=True, exist_ok=True)
        write_atomic(out / part.name / "hyp", table)
    return rate_records(
        data, edits, config, system=system, seed=seed, metric=metrics_of(judge.name)[0],
        details=lambda chosen: {**facts, "utterances": len(chosen)},
    )  # fmt: skip


def hypotheses_of(part: DataDir, root: Path) -> dict[str, str]:
    """What one of TRANSCRIBERS wrote down, by utterance of a data dir."""
    from pseudovox.evaluation.judges.transcript import words

    read = read_scp(root / part.name / "judgement.scp")
    return {utterance: words(read[utterance]) for utterance in part.utterances}


def _edits(part: DataDir, hypotheses: Mapping[str, str], judge: Asked) -> dict[str, wer.Edits]:
    from pseudovox.evaluation.judges import whisper

    prepare: Callable[[str], str] = whisper.normaliser(judge.language)[1] if judge.model else str
    return wer.edits_by_utterance(
        {utterance: prepare(text) for utterance, text in part.text.items()},
        {utterance: prepare(text) for utterance, text in hypotheses.items()},
        "none" if judge.model else "words",
    )


def measured(data: Sequence[DataDir], judge: Asked, root: Path) -> dict[str, dict[str, tuple[float, float]]]:
    """The figures of a judge of speech by metric and utterance, as `attributes.averages` takes them.

    Args:
        data: what was judged; with `text` for TRANSCRIBERS.
        judge: which, not one of voices.
        root: its judgements, <root>/<data dir>/judgement.scp.
    """
    metrics = metrics_of(judge.name)
    found: dict[str, dict[str, tuple[float, float]]] = {metric: {} for metric in metrics}
    for part in data:
        if judge.family in TRANSCRIBERS:
            for utterance, edits in _edits(part, hypotheses_of(part, root), judge).items():
                found[metrics[0]][utterance] = 100.0 * edits.errors, float(edits.reference_words)
            continue
        for utterance, values in read_scp(root / part.name / "judgement.scp", dimension=len(metrics)).items():
            for metric, value in zip(metrics, values, strict=True):
                found[metric][utterance] = float(value), 1.0
    return found


def opinion_records(
    data: Sequence[DataDir], judge: str, root: Path, system: str, config: Config, seed: int
) -> list[Record]:
    """Mean scores of every set by a judge of naturalness, in all and by gender; other arguments as `word_records`."""
    metrics = METRICS[judge]
    records = []
    for name, parts in by_set(data):
        level = "" if system == ORIGINAL else level_of(parts, config)
        scores: dict[str, dict[str, list[np.ndarray]]] = {"all": {}, "f": {}, "m": {}}
        for part in parts:
            genders = part.tables.get("spk2gender", {})
            for utterance, values in read_scp(root / part.name / "judgement.scp", dimension=len(metrics)).items():
                speaker = part.utt2spk[utterance]
                for group in filter(None, ("all", genders.get(speaker))):
                    scores[group].setdefault(speaker, []).append(values)
        for group, by_speaker in scores.items():
            for column, metric in enumerate(metrics if by_speaker else ()):
                sums = np.array([sum(float(row[column]) for row in rows) for _, rows in sorted(by_speaker.items())])
                counts = np.array([len(rows) for _, rows in sorted(by_speaker.items())])
                # A mean over utterances is a ratio of sums, as a word error rate is; that one is in percent.
                low = high = float("nan")
                if config.wer.interval_rounds:
                    draw = seeds.generator(seed, "opinion-interval", f"{name}/{group}")
                    low, high = wer.bootstrap_interval(sums, counts, draw, draws=config.wer.interval_rounds)
                records.append(
                    Record(
                        metric=metric,
                        value=float(sums.sum() / counts.sum()),
                        unit="dB" if metric == "squim_sisdr" else "",
                        system=system,
                        set=name,
                        group=group,
                        level=level,
                        ci_low=None if np.isnan(low) else low / 100,
                        ci_high=None if np.isnan(high) else high / 100,
                        n=int(counts.sum()),
                        n_of="utterances",
                        details={"speakers": len(counts)},
                    )
                )
    return records


def not_run_records(data: Sequence[DataDir], judge: Asked, system: str, config: Config) -> list[Record]:
    """Records without a value in the place of a judge that is not installed, so that its absence is seen."""
    records = []
    for of, parts in by_set(data):
        level = "" if system == ORIGINAL else level_of(parts, config)
        reason = f"{judge.name}: not run: needs {judges.hint(judge)}"
        records += [
            Record(metric=metric, value=None, system=system, set=of, level=level, details={"not_run": reason})
            for metric in metrics_of(judge.name)
        ]
    return records


def with_versions(records: Sequence[Record], versions: Mapping[str, str | None]) -> list[Record]:
    """The records, each with its judge's package and version among its details."""
    judge_of = {metric: name for name in versions for metric in metrics_of(name)}
    return [
        dataclasses.replace(found, details={**found.details, "judge": versions[judge_of[found.metric]]})
        for found in records
    ]

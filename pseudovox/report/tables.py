"""The tables that a run ends with: for the console, and as RESULTS.md. Written for readers new to the field."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pseudovox.kinds.attackers import ATTACKERS
from pseudovox.kinds.measurements import figures
from pseudovox.records import ORIGINAL, Record, Timing, is_emotion_metric, whisper_label
from pseudovox.report.averages import CONDITIONS, COUNTED, splits, standings
from pseudovox.report.details import detail_tables
from pseudovox.report.disclosure import DISCLOSED, disclosure_table
from pseudovox.report.emotion import dimension_tables
from pseudovox.report.formatting import NOT_RUN, Table, as_markdown, as_text, cell, group_name, system_name
from pseudovox.report.headline import headline, means_by_training
from pseudovox.report.warnings import code_warnings, privacy_warnings

_RETRAINED = (
    "the recogniser was trained on speech that the same system anonymized, as in the VoicePrivacy Challenge 2022, not "
    "on original speech."
)
# The figures of independent judges, and the columns they stand in.
_JUDGE_COLUMNS = [
    *(("resemblyzer_eer", code) for code in ("OO", "OA", "AA")),
    *((metric, "") for metric in ("pocketsphinx_wer", "dnsmos_sig", "dnsmos_bak", "dnsmos_ovrl")),
]
# Columns that are there if that was asked for, as are those of Whisper's models; those of NISQA and SQUIM if they were
# run.
_FURTHER = {"distillmos": "DistillMOS"}
_NISQA = {
    "nisqa_mos": "NISQA", "nisqa_noisiness": "noisiness", "nisqa_discontinuity": "discontinuity",
    "nisqa_coloration": "coloration", "nisqa_loudness": "loudness",
}  # fmt: skip
_SQUIM = {"squim_stoi": "STOI", "squim_pesq": "PESQ", "squim_sisdr": "SI-SDR", "squim_mos": "MOS"}
_JUDGED = {metric for metric, _ in _JUDGE_COLUMNS} | {"dnsmos_p808", *_FURTHER, *_NISQA, *_SQUIM}
SPEED = "real_time_factor"  # first part of the metrics of steps/measure_speed.py


def report_tables(
    records: Sequence[Record], weights: Mapping[str, float] | None = None, *, details: bool = False
) -> list[Table]:
    """Privacy and utility tables of each set, `test` first; the privacy conditions of each split.

    Args:
        records: of a run.
        weights: of trial dirs in averages, see `averages.weighted_mean`.
        details: give the tables of report.details besides.
    """
    sets = sorted({record.set for record in records}, key=lambda name: (name != "test", name))
    tables = []
    for name in sets:
        own = [record for record in records if record.set == name]
        if any(record.metric == "eer" for record in own):
            tables += [privacy_table(own, name), *trainings_table(own, name)]
        if any(record.metric in DISCLOSED for record in own):
            tables.append(disclosure_table(own, name))
        if any(not (_is_apart(record) or record.metric.startswith(SPEED)) for record in own):
            tables.append(utility_table(own, name))
        if any(record.metric == "uar" for record in own):
            tables.append(emotion_table(own, name))
        tables += dimension_tables(own, name)
        if any(_is_judged(record) and "not_run" not in record.details for record in own):
            tables.append(judges_table(own, name))
        if details:
            tables += detail_tables(own, name)
    if any(record.metric.startswith(SPEED) for record in records):
        tables.append(speed_table(records))
    for split in sorted(splits(records), key=lambda name: (name != "test", name)):
        tables += conditions_table(records, split, weights or {})
    return tables


def privacy_table(records: Sequence[Record], name: str) -> Table:
    """EER by system, level and gender, a column for each attacker; original speech is in the first of them."""
    found = {(r.system, r.level, r.group, r.attacker): r for r in headline(records) if r.metric == "eer"}
    there = {record.attacker for record in found.values()}
    attackers = {name: attacker.sides for name, attacker in ATTACKERS.items() if name in there or not attacker.further}
    groups = _groups([record for record in records if record.metric == "eer"])
    rows = []
    for system, level in _systems(records):
        for group in groups:
            cells = [
                # What the attacker does on original speech is the same for every system.
                cell(found.get((ORIGINAL, "", group, attacker) if code == "OO" else (system, level, group, attacker)))
                for attacker, code in attackers.items()
            ]
            rows.append([system_name(system, level), group_name(group), *cells])
    return Table(
        f"Privacy ({name}): how often the attacker fails",
        "Equal error rate (EER) in % of an attacker who compares voices. Higher = the attacker fails more often = "
        "better privacy. Near 0, everybody is recognised; at 50, the attacker can only guess.",
        ["system", "speakers", *(f"{code} {attacker}" for attacker, code in attackers.items())],
        rows,
        [
            *(f"{code} {attacker}: {ATTACKERS[attacker].knows}." for attacker, code in attackers.items()),
            *_training_notes(records),
            *(f"Caution: {warning}" for warning in privacy_warnings(records)),
        ],
    )


def trainings_table(records: Sequence[Record], name: str) -> list[Table]:
    """EER of the semi-informed attacker by the way it was trained; no table where there is one way alone."""
    semi = [record for record in records if record.metric == "eer" and record.attacker == "semi-informed"]
    ways = sorted({record.training for record in semi})
    if len(ways) < 2:
        return []
    found = {(r.system, r.level, r.group, r.training): r for r in semi}
    rows = [
        [system_name(system, level), group_name(group), *(cell(found.get((system, level, group, w))) for w in ways)]
        for system, level in sorted({(record.system, record.level) for record in semi})
        for group in _groups(semi)
    ]
    return [
        Table(
            f"The semi-informed attacker ({name}), by its training",
            "Equal error rate (EER) in %. continued: goes on from the attacker of original speech; scratch: trained on "
            "anonymized speech alone, as in the VoicePrivacy Challenge 2024. An attack counts as strong as it was "
            "trained: privacy is what the stronger of them leaves.",
            ["system", "speakers", *ways],
            rows,
            [],
        )
    ]


def conditions_table(records: Sequence[Record], split: str, weights: Mapping[str, float]) -> list[Table]:
    """Which privacy conditions of the challenges each system enters; no table without a semi-informed attacker."""
    found = standings(records, split, weights)
    if not found:
        return []
    rows = []
    for one in found:
        entered = [", ".join(one.entered[challenge]) or "none" for challenge in CONDITIONS]
        wer = NOT_RUN if one.wer is None else f"{one.wer:.1f}"
        rows.append([one.system, f"{one.eer:.1f}", one.training, *entered, wer])
    bounds = [
        f"{challenge}: " + ", ".join(f"EER_{number} from {bound:g} %" for number, bound in enumerate(least, 1)) + "."
        for challenge, least in CONDITIONS.items()
    ]
    mean = "weighted as report.weights says" if weights else "a plain mean"
    return [
        Table(
            f"Privacy conditions ({split})",
            f"A system enters every condition whose bound the mean EER of the {COUNTED} attacker reaches; within one, "
            "the VoicePrivacy Challenges rank by WER.",
            ["system", "mean EER", "trained", *CONDITIONS, "mean WER"],
            rows,
            [
                f"The mean EER is {mean}, over the trial lists, of the stronger attacker.",
                "The bounds are meant for the challenges' data and attackers: on less, they say little.",
                *bounds,
            ],
        )
    ]


def utility_table(records: Sequence[Record], name: str) -> Table:
    """Word error rate and what else is measured of speech by system; original speech in the first row."""
    columns = {metric: figure for metric, figure in figures().items() if figure.table == "utility"}
    found = {(r.system, r.level, r.group, r.metric): r for r in records if not r.training}
    retrained = {(r.system, r.level): r for r in records if r.metric == "wer" and r.training and r.group == "all"}
    wer_groups = _groups([record for record in records if record.metric == "wer"])
    rows = []
    for system, level in [(ORIGINAL, ""), *(pair for pair in _systems(records) if pair[0] != ORIGINAL)]:
        cells = [cell(found.get((system, level, group, "wer"))) for group in wer_groups]
        if retrained:
            cells.append("" if system == ORIGINAL else cell(retrained.get((system, level))))
        for metric, figure in columns.items():
            record = found.get((system, level, "all", metric))
            # (Most compare with the original, which has no such figure.)
            cells.append("" if system == ORIGINAL and record is None else cell(record, figure.decimals))
        rows.append([system_name(system, level), *cells])
    return Table(
        f"Utility ({name}): what is left of the speech",
        "Word error rate (WER) in % of a recogniser trained on original speech: lower = words are better understood. "
        "Pitch correlation: 1 = the melody of the original is kept, 0 = it is lost.",
        [
            "system",
            *(f"WER {group_name(group)}" for group in wer_groups),
            *(["WER all, retrained"] if retrained else []),
            *(figure.column for figure in columns.values()),
        ],
        rows,
        [
            *_wer_notes([record for record in records if record.metric == "wer"]),
            *([f"retrained: {_RETRAINED}"] if retrained else []),
        ],
    )


def emotion_table(records: Sequence[Record], name: str) -> Table:
    """Unweighted average recall by system, and the recall of each emotion; original speech in the first row."""
    own = [record for record in records if record.metric == "uar"]
    found = {(r.system, r.level, r.group): r for r in own}
    classes = list(dict.fromkeys(emotion for record in own for emotion in record.details["recalls"]))
    rows = []
    for system, level in [(ORIGINAL, ""), *(pair for pair in _systems(own) if pair[0] != ORIGINAL)]:
        whole = found.get((system, level, "all"))
        recalls = whole.details["recalls"] if whole else {}
        shown = ["" if recalls.get(emotion) is None else f"{recalls[emotion]:.0f}" for emotion in classes]
        rows.append([
            system_name(system, level), *(cell(found.get((system, level, group))) for group in _groups(own)), *shown
        ])  # fmt: skip
    features = ", ".join(sorted({record.details["features"] for record in own}))
    return Table(
        f"Emotion ({name}): what a classifier trained on original speech still recognises",
        f"Unweighted average recall (UAR) in % over {len(classes)} emotions, speakers left out; guessing gives "
        f"{100 / max(1, len(classes)):.1f}. On anonymized speech: how much of the emotion such a classifier still "
        "hears. To the right, the recall of each emotion.",
        ["system", *(f"UAR {group_name(group)}" for group in _groups(own)), *classes],
        rows,
        [f"Features: {features}. Intervals: bootstrap over speakers."],
    )


def speed_table(records: Sequence[Record]) -> Table:
    """Real-time factor of anonymization by length of the speech, at batch 1 and at the best batch."""
    own = [record for record in records if record.metric.startswith(SPEED)]
    own.sort(key=lambda r: (r.system, r.details["device"], r.details["seconds"], r.details["batch"]))
    known = ("embed", "f0", "content", "synthesize")  # in the order of the work
    parts = sorted(
        {part for record in own for part in record.details["parts"]},
        key=lambda part: (known.index(part) if part in known else len(known), part),
    )
    rows = [
        [
            record.system, record.details["device"], f"{record.details['seconds']:g}", str(record.details["batch"]),
            cell(record, 4), *(f"{record.details['parts'].get(part, 0):.4f}" for part in parts),
            f"{record.details['peak_mib']:.0f}",
        ]
        for record in own
    ]  # fmt: skip
    return Table(
        "Speed: seconds of work per second of speech",
        "Real-time factor of anonymizing speech of exactly this length, models loaded, reading and writing of files "
        "left out: median of the repetitions after warm-up. In total and by part; peak memory of the process (on a "
        "GPU: of its tensors).",
        ["system", "device", "speech, seconds", "batch", "total", *parts, "peak, MiB"],
        rows,
        sorted({f"{record.details['machine']}." for record in own}),
    )


def judges_table(records: Sequence[Record], name: str) -> Table:
    """What independent judges say of each system and gender; original speech first."""
    judged = [record for record in records if _is_judged(record)]
    valued = [record for record in judged if "not_run" not in record.details]
    found = {
        (r.system, r.level, r.group, r.metric, ATTACKERS[r.attacker].sides if r.attacker else ""): r for r in valued
    }
    tried = {group for _, _, group, _, code in found if code}  # a list of trials may hold one gender
    run = {record.metric for record in valued}
    models = {metric: label for metric in sorted({r.metric for r in judged}) if (label := whisper_label(metric))}
    further = {metric: title for metric, title in _FURTHER.items() if any(r.metric == metric for r in judged)}
    weighed = {metric: title for metric, title in {**_NISQA, **_SQUIM}.items() if metric in run}
    columns = [
        *_JUDGE_COLUMNS[:4], *((metric, "") for metric in models),
        *_JUDGE_COLUMNS[4:], *((metric, "") for metric in {**further, **weighed}),
    ]  # fmt: skip
    rows = []
    for system, level in [(ORIGINAL, ""), *(pair for pair in _systems(judged) if pair[0] != ORIGINAL)]:
        for group in _groups(valued):
            cells = []
            for metric, code in columns:
                # Each EER belongs to original or to anonymized speech.
                other = code and ((code == "OO") != (system == ORIGINAL) or (tried and group not in tried))
                record = found.get((system, level, group, metric, code))
                if record is not None and metric.startswith(("dnsmos", "distillmos", "nisqa", "squim")):
                    cells.append(cell(replace(record, ci_low=None), 2))  # three more intervals are too wide to read
                else:
                    cells.append("" if other else cell(record))
            rows.append([system_name(system, level), group_name(group), *cells])
    return Table(
        f"Independent judges ({name}): models that nobody trained here",
        "Nothing here was tuned to please them, and they know nothing of anonymization. resemblyzer compares voices: "
        "its EER is read as above (OO: both recordings original, OA: one anonymized, AA: both). pocketsphinx and "
        "Whisper write down words: WER, lower = better understood; pocketsphinx is the much weaker listener. DNSMOS "
        "guesses how listeners would rate the speech (SIG), the background (BAK) and the whole (OVRL), 1 = bad to 5 = "
        "excellent; DistillMOS, NISQA and SQUIM the whole (MOS); NISQA how free it is of noise, gaps, coloration and a "
        "wrong level, and SQUIM what measures with a clean reference would say (STOI, PESQ, SI-SDR in dB). "
        "Compare with the row of the original, not between judges: what a judge makes of the original is how far it "
        "can be trusted on such speech.",
        [
            *["system", "speakers", "EER OO", "EER OA", "EER AA", "WER pocketsphinx"],
            *(f"WER Whisper {label}" for label in models.values()),
            *["SIG", "BAK", "OVRL", *further.values(), *weighed.values()],
        ],
        rows,
        _judge_notes(judged),
    )


def diversity_section(rows: Sequence[list[str]], pictures: Sequence[str]) -> str:
    """How different the voices of each kind are, in Markdown.

    Args:
        rows: of diversity.tsv, its header first.
        pictures: names of files beside RESULTS.md.
    """
    table = Table(
        "Diversity: how different the voices are",
        "Cosine similarity of the x-vectors of every two voices of one gender, by the kind of voices: mean, standard "
        "deviation, 5th and 95th percentile. The nearer to those of real speakers, the better; averages over a pool "
        "are more alike than people are (Turner et al. 2020). Precision: share of the voices that lie among real ones; "
        "recall: share of real ones that lie among the voices; Fréchet distance to real ones.",
        list(rows[0]),
        list(rows[1:]),
        [],
    )
    return as_markdown(table) + "".join(f"\n![{Path(name).stem}]({name})\n" for name in pictures)


def timing_table(timings: Sequence[Timing]) -> Table:
    """Wall time by step, with the real-time factor where speech was processed."""
    steps: dict[str, list[Timing]] = {}
    for timing in timings:
        steps.setdefault(timing.step, []).append(timing)
    rows = []
    for step, own in steps.items():
        wall, audio = sum(timing.wall_seconds for timing in own), sum(timing.audio_seconds for timing in own)
        factor = f"{wall / audio:.4f}" if audio else ""
        rows.append([step, str(len(own)), f"{wall:.1f}", f"{audio:.0f}" if audio else "", factor])
    rows.append(["all", str(len(timings)), f"{sum(timing.wall_seconds for timing in timings):.1f}", "", ""])
    return Table(
        "Time",
        "Wall time of every step, from its .done.json. Real-time factor = seconds of work per second of speech.",
        ["step", "outputs", "seconds", "speech, seconds", "real-time factor"],
        rows,
        [],
    )


def results_page(
    records: Sequence[Record],
    timings: Sequence[Timing],
    run: dict[str, Any],
    when: str,
    weights: Mapping[str, float] | None = None,
    further: Sequence[str] = (),
    *,
    first: Sequence[Table] = (),
) -> str:
    """RESULTS.md: what was run, `first` and the other tables, `further` sections (Markdown), the times."""
    facts = ", ".join(f"{name} {value}" for name, value in run.items() if not isinstance(value, dict))
    head = f"# Results\n\n{facts}; {when}. Written by steps/write_report.py from results.json.\n"
    intervals = (
        "In brackets: 95 % intervals (of EER and WER: bootstrap over speakers). Small sets have wide ones; "
        "differences within them mean little.\n"
    )
    own = [
        *_cautions(records),
        *absent_privacy(records),
        *absent_judges(records),
        *map(as_markdown, [*first, *report_tables(records, weights, details=True)]),
    ]
    return "\n".join([head, intervals, *own, *further, as_markdown(timing_table(timings))])


def console_page(
    records: Sequence[Record], timings: Sequence[Timing], weights: Mapping[str, float] | None = None
) -> str:
    """What a run prints in the end: the tables of the `test` set (of all sets, if there is none of that name)."""
    tested = any(record.set == "test" for record in records)
    shown = [record for record in records if not tested or record.set in ("test", "emotion", "")]
    tables = list(map(as_text, report_tables(shown, weights)))
    if not tables:
        return "No results yet: no scoring step has run.\n"
    total = sum(timing.wall_seconds for timing in timings)
    took = f"{total / 60:.1f} minutes" if total >= 60 else f"{total:.0f} seconds"
    last = f"In brackets: 95 % interval. All steps together took {took}.\n"
    return "\n".join([*absent_privacy(records), *tables, *absent_judges(records), *_cautions(records), last])


def _cautions(records: Sequence[Record]) -> list[str]:
    return [f"Caution: {warning}\n" for warning in code_warnings(records)]


def absent_privacy(records: Sequence[Record]) -> list[str]:
    """A line in the place of the privacy tables if neither an attacker nor a judge compared voices."""
    if any(record.metric in ("eer", "resemblyzer_eer") and record.value is not None for record in records):
        return []
    return ["Privacy was not measured: no trials were scored (sets.trials of the recipe, stage asv).\n"]


def absent_judges(records: Sequence[Record]) -> list[str]:
    """A line in the place of the judges' tables if none of them was there to be run."""
    judged = [record for record in records if _is_judged(record)]
    if not judged or any("not_run" not in record.details for record in judged):
        return []
    names = dict.fromkeys(str(record.details["not_run"]).partition(":")[0] for record in judged)
    return [f"Independent judges were not run ({', '.join(names)}): utils/install.sh judges brings most of them.\n"]


def _is_apart(record: Record) -> bool:
    """Has it a table of its own?"""
    return _is_judged(record) or record.metric in ("uar", *DISCLOSED) or is_emotion_metric(record.metric)


def _is_judged(record: Record) -> bool:
    """Is it a figure of an independent judge?"""
    return record.metric in _JUDGED or bool(whisper_label(record.metric))


def _systems(records: Sequence[Record]) -> list[tuple[str, str]]:
    """(system, level) of anonymized speech, sorted; original speech alone if there is nothing else."""
    pairs = sorted({(record.system, record.level) for record in records if record.system != ORIGINAL})
    return pairs or [(ORIGINAL, "")]


def _groups(records: Sequence[Record]) -> list[str]:
    present = {record.group for record in records}
    return [group for group in ("all", "f", "m") if group in present] or ["all"]


def _training_notes(records: Sequence[Record]) -> list[str]:
    notes = []
    alone: dict[str, None] = {}
    for (system, _, level), means in means_by_training(records).items():
        if len(means) > 1:
            shown = ", ".join(f"{way} {mean:.1f}" for way, mean in means.items())
            notes.append(f"{system_name(system, level)}, semi-informed: {next(iter(means))} (mean EER: {shown}).")
        else:
            alone[next(iter(means))] = None
    if alone:
        notes.append(f"semi-informed: trained in one way alone, {', '.join(alone)}; another may be stronger.")
    if len(notes) > bool(alone):
        notes.append(
            "Of a semi-informed attacker that was trained in several ways, the column shows the one of lower mean EER "
            "over these trial lists. It is chosen on the same trials: the worst case for privacy."
        )
    return notes


def _wer_notes(records: Sequence[Record]) -> list[str]:
    notes = []

    def found(name: str) -> list[Any]:
        return sorted({record.details[name] for record in records if record.details.get(name) is not None})

    if found("decoder"):
        normalisation = ", ".join(found("normalisation"))
        notes.append(f"WER: decoder {', '.join(found('decoder'))}; text normalisation {normalisation}.")
    perplexities = found("lm_perplexity")
    if perplexities:
        shown = " to ".join(f"{value:.1f}" for value in dict.fromkeys([perplexities[0], perplexities[-1]]))
        notes.append(
            f"The language model chooses among {shown} equally likely words on average (its perplexity on the "
            "reference texts): the lower, the more the recogniser knows without listening."
        )
    return notes


def _judge_notes(records: Sequence[Record]) -> list[str]:
    notes = sorted({record.details["not_run"] for record in records if "not_run" in record.details})
    models = sorted({record.metric for record in records if whisper_label(record.metric)})
    units = {"resemblyzer_eer": "trials", "pocketsphinx_wer": "words", **dict.fromkeys(models, "words")}
    for metric, unit in {
        **units,
        "dnsmos_ovrl": "utterances",
        "distillmos": "utterances",
        "nisqa_mos": "utterances",
    }.items():
        own = [record for record in records if record.metric == metric and "not_run" not in record.details]
        counts = sorted({record.n for record in own})
        judges = ", ".join(sorted({str(record.details["judge"]) for record in own if record.details.get("judge")}))
        if counts:
            shown = " to ".join(str(count) for count in dict.fromkeys([counts[0], counts[-1]]))
            interval = "; intervals are in results.json" if unit == "utterances" else ""
            notes.append(f"{judges or metric}: each figure on {shown} {unit}{interval}.")
    return notes

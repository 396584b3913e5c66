"""A run as its steps leave it, small and made by hand, with ids and texts that a page must show and not run."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from pseudovox.config import Config, System, to_yaml
from pseudovox.core.npz import write_npz
from pseudovox.data.audio import write_wav
from pseudovox.data.datadir import DataDir
from pseudovox.records import Record, collect, read_timings, write_records
from pseudovox.report.page.experiment import Experiment

SPEAKERS = {
    "f": ['f1"><script>window.ran=1;</script>'.replace("/", "|"), "f2<img•src=x•onerror=window.ran=2>", "f3'&amp;ü"],
    "m": ["m1", "m2日本", "m3{{7*7}}"],
}
TEXT = 'IT\'S <script>window.ran=3</script> "QUOTED" & ÜNÏCODE ${x}'
HEARD = 'IT\'S <b onclick="window.ran=4">NOT</b> "QUOTED" & EXTRA ÜNÏCODE ${x}'
SYSTEMS = ("one", "two")


def _samples(seed: int, seconds: float) -> np.ndarray:
    time = np.arange(int(16000 * seconds)) / 16000
    pulses = np.sin(2 * np.pi * (110 + 20 * seed) * time) * (1 + 0.3 * np.sin(2 * np.pi * 3 * time))
    return 0.2 * pulses + 0.01 * np.random.default_rng(seed).standard_normal(len(time))


def _data_dir(folder: Path, group: str, suffix: str) -> None:
    tables: dict[str, dict[str, str]] = {n: {} for n in ("wav.scp", "utt2spk", "utt2dur", "text", "spk2gender")}
    trials = []
    for number, speaker in enumerate(SPEAKERS[group]):
        tables["spk2gender"][speaker] = group
        for place in range(3):
            utterance = f"{speaker}-{place}"
            seconds = 0.4 + 0.1 * place
            wav = folder / "wav" / f"{group}{suffix}{number}{place}.wav"
            wav.parent.mkdir(parents=True, exist_ok=True)
            write_wav(wav, _samples(number + place + len(suffix), seconds))
            tables["wav.scp"][utterance] = str(wav)
            tables["utt2spk"][utterance] = speaker
            tables["utt2dur"][utterance] = f"{seconds:.2f}"
            tables["text"][utterance] = TEXT
            trials += [f"{s} {utterance} {'target' if s == speaker else 'nontarget'}" for s in SPEAKERS[group]]
    DataDir(folder / f"test_trials_{group}{suffix}", tables, {"trials": trials}).write()


def _step(folder: Path, step: str, records: list[Record] | None = None, audio: float = 0.0) -> None:
    """What a finished step leaves beside its output."""
    (folder / "log").mkdir(parents=True, exist_ok=True)
    (folder / "log" / f"{step}.log").write_text(f"2026-01-01 INFO command: steps/{step}.py --x '<i>' in out\n")
    versions = {"pseudovox": "0", "commit": "abc", "python": "3.11"}
    marker = {"step": step, "wall_seconds": 2.0, "audio_seconds": audio, "when": "2026-01-01T12:00:00+0000"}
    marker |= {"seed": 1, "device": "cpu", "nj": 2, "versions": versions}
    (folder / ".done.json").write_text(json.dumps(marker))
    if records is not None:
        write_records(folder / "results.json", records)


def _scores(folder: Path, group: str, enrolled: str, tested: str, gap: float) -> None:
    draw = np.random.default_rng(7)
    lines = []
    for speaker in SPEAKERS[group]:
        for other in SPEAKERS[group]:
            for place in range(3):
                score = draw.normal(gap if speaker == other else 0.0, 1.0)
                lines.append(f"{speaker} {other}-{place} {score:.4f}\n")
    place_of = folder / f"{enrolled}-{tested}"
    place_of.mkdir(parents=True)
    (place_of / "scores").write_text("".join(lines))


def make_run(root: Path, name: str = "tiny") -> tuple[Path, Path]:
    """(experiment dir, data dir) of a finished run."""
    exp, data = root / "exp" / name, root / "data" / name
    config = Config()
    config.systems = list(SYSTEMS)
    config.sets.trials = ["test_enrolls test_trials_f", "test_enrolls test_trials_m"]
    config.report.baselines = {"B<1>": [10.0, 4.0]}
    exp.mkdir(parents=True)
    (exp / "config.yaml").write_text(to_yaml(config))
    for system in SYSTEMS:
        config.system = System(name=system, description=f"the <em>{system}</em> & only")
        (exp / system).mkdir()
        (exp / system / "config.yaml").write_text(to_yaml(config))
    for group in "fm":
        for suffix in ("", *(f"_{system}" for system in SYSTEMS)):
            _data_dir(data, group, suffix)
            folder = data / f"test_trials_{group}{suffix}"
            _step(folder, "synthesize_speech" if suffix else "prepare_tiny", audio=20.0)
    attacks = [("original", "original", "", 4.0)]
    attacks += [(s, who, "", 1.5) for s in SYSTEMS for who in ("ignorant", "lazy-informed")]
    attacks += [("one", "semi-informed", "continued", 0.3), ("two", "semi-informed", "continued", 2.0)]
    for system, attacker, training, gap in attacks:
        folder = exp / system / "asv" / "-".join(filter(None, (attacker, training)))
        ending = "" if system == "original" else f"_{system}"
        level = "" if system == "original" else "spk"
        records, lines = [], ["system\tattacker\ttraining\tset\tlevel\tgroup\tby\tvalue\teer\tci_low\tci_high\n"]
        for group in "fm":
            enrolled = "test_enrolls" if attacker in ("original", "ignorant") else f"test_enrolls{ending}"
            _scores(folder, group, enrolled, f"test_trials_{group}{ending}", gap)
            eer = max(1.0, 45.0 - 10 * gap)
            details = {"targets": 9, "nontargets": 18, "speakers": 3}
            interval = (eer - 1, eer + 5, 27, "trials", training, details)
            records.append(Record("eer", eer, "%", system, attacker, "test", group, level, *interval))
            for place, speaker in enumerate([*SPEAKERS[group], f"{group}9"]):
                row = (system, attacker, training, "test", level, group, "speaker", speaker, str(10 * place), "", "")
                lines.append("\t".join(row) + "\n")
        _step(folder, "score_trials", records)
        (folder / "breakdowns.tsv").write_text("".join(lines))
    for system in ("original", *SYSTEMS):
        level = "" if system == "original" else "spk"
        wer = {"original": 2.0, "one": 9.0, "two": 5.0}[system]
        records = [
            Record("wer", wer, "%", system, "", "test", g, level, wer - 1, wer + 1, 99, "words") for g in ("all", "f")
        ]
        _step(exp / system / "wer", "score_wer", records)
        for group in "fm":
            ending = "" if system == "original" else f"_{system}"
            folder = exp / system / "asr" / f"test_trials_{group}{ending}"
            folder.mkdir(parents=True)
            lines = [f"{speaker}-{place} {HEARD}\n" for speaker in SPEAKERS[group] for place in range(3)]
            (folder / "hyp").write_text("".join(sorted(lines)))
    for group in "fm":
        matrix = np.full((3, 3), 0.2) + 0.7 * np.eye(3)
        folder = exp / "one" / "voices" / f"test_trials_{group}"
        folder.mkdir(parents=True)
        write_npz(folder / "similarity.npz", {"oo": matrix, "oa": np.full((3, 3), 0.5), "aa": matrix})
    _step(exp / "one" / "voices", "score_voices", [])
    judges = Record("dnsmos_ovrl", None, details={"not_run": "dnsmos: not run: needs <pip> install"})
    _step(exp / "judges", "judge", [judges])
    return exp, data


def experiment(exp: Path, data: Path | None) -> Experiment:
    """The run as steps/write_report.py sees it."""
    from pseudovox import config

    files = sorted(path for path in exp.rglob("results.json") if "report" not in path.parts)
    facts = {"recipe": exp.name, "seed": 1, "commit": "abc"}
    timings = read_timings([exp, *([data] if data else [])])
    return Experiment(exp, data, collect(files), timings, facts, "2026-01-01", config.load(exp / "config.yaml"))

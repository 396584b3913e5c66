"""LaTeX tables and TensorBoard scalars: escaped and well-formed; written again, the same."""

from pathlib import Path

import pytest

from pseudovox.records import Record
from pseudovox.report import averages, latex, tensorboard

RECORDS = [
    Record("eer", 1.5, "%", "original", "original", "test_1", "f", "", 1.0, 2.0),
    Record("eer", 44.0, "%", "a_b&c", "lazy-informed", "test_1", "f", "utt"),
    Record("eer", 30.0, "%", "a_b&c", "semi-informed", "test_1", "f", "utt", 20.0, 40.0, training="continued"),
    Record("eer", 28.0, "%", "a_b&c", "semi-informed", "test_1", "f", "utt", 20.0, 40.0, training="scratch"),
    Record("wer", 5.0, "%", "original", set="test_1", ci_low=4.0, ci_high=6.0),
    Record("wer", None, "%", "a_b&c", set="test_1", level="utt"),
    Record("voice_distinctiveness_gain", -3.0, "dB", "a_b&c", "", "test_1", "f", "utt", -4.0, -2.0),
]


def test_tables_for_latex() -> None:
    standings = {split: averages.standings(RECORDS, split, {}) for split in averages.splits(RECORDS)}
    text = latex.results_tex(RECORDS, standings, {"recipe": "mini_50%", "seed": 1})
    assert text.startswith("% recipe mini_50%, seed 1.")
    assert r"a\_b\&c (utt) & \interval{1.5}{1.0}{2.0} & 44.0 & \interval{28.0}{20.0}{40.0} \\" in text
    assert r"original & \interval{5.0}{4.0}{6.0} & -- \\" in text
    assert r"a\_b\&c (utt) & -- & \interval{$-$3.00}{$-$4.00}{$-$2.00} \\" in text
    assert r"a\_b\&c & 28.0 & $\mathrm{EER}_{1}$, $\mathrm{EER}_{2}$, $\mathrm{EER}_{3}$ & " in text
    assert text.count(r"\begin{table}") == text.count(r"\end{table}") == 3
    assert text.count("{") == text.count("}")
    for part in text.split(r"\begin{tabular}{l")[1:]:
        columns = 1 + len(part.partition("}")[0])
        body = part.partition(r"\midrule")[2].partition(r"\bottomrule")[0]
        assert {line.replace(r"\&", "").count("&") for line in body.strip().splitlines()} == {columns - 1}


@pytest.mark.parametrize(
    ("text", "expected"), [("a_b%", r"a\_b\%"), ("\\^{x}", r"\textbackslash{}\textasciicircum{}\{x\}")]
)
def test_escapes(text: str, expected: str) -> None:
    assert latex.escape(text) == expected


def test_no_records_no_tables() -> None:
    assert "tabular}{l" not in latex.results_tex([], {"test": []}, {})


def test_scalars(tmp_path: Path) -> None:
    loader = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    for _ in range(2):  # a second run replaces what the first wrote
        tensorboard.write_scalars(tmp_path, RECORDS)
    assert len(list(tmp_path.rglob("*tfevents*"))) == 2
    found = loader.EventAccumulator(str(tmp_path / "a_b&c")).Reload()
    assert found.Tags()["scalars"] == [
        "eer/test_1 lazy-informed f utt", "eer/test_1 semi-informed continued f utt",
        "eer/test_1 semi-informed scratch f utt", "voice_distinctiveness_gain/test_1 f utt",
    ]  # fmt: skip
    [event] = found.Scalars("eer/test_1 semi-informed scratch f utt")
    assert (event.step, event.value) == (0, 28.0)


def test_scalars_carry_the_time_of_their_step(tmp_path: Path) -> None:
    loader = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    tensorboard.write_scalars(tmp_path, [Record("wer", 5.0, when="2026-01-01T12:00:00+0100")])
    found = loader.EventAccumulator(str(tmp_path / "original")).Reload()
    assert found.Scalars("wer/all")[0].wall_time == 1767265200.0


def test_speech_of_the_page(tmp_path: Path) -> None:
    loader = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    import soundfile

    from pseudovox.report.page.listening import Sample, Version

    (tmp_path / "audio").mkdir()
    soundfile.write(tmp_path / "audio/01-0.flac", [0.0, 0.5] * 4000, 16000)
    version = Version("original", "audio/01-0.flac", "", 0.5, None, "", [], "")
    sample = Sample("u<1>", "s", "female", "test", "short", "", [version])
    for _ in range(2):
        tensorboard.write_scalars(tmp_path / "tb", RECORDS)
        tensorboard.write_speech(tmp_path / "tb", [sample], tmp_path)
    found = loader.EventAccumulator(str(tmp_path / "tb/original")).Reload()
    assert len(found.Tags()["scalars"]) == 2, "the scalars are still there"
    assert "speech/u<1>" in found.Tags()["tensors"] + found.Tags()["audio"]

"""The parts of the page: what is best, the mean of lists, cross-entropy, the choice of speech, figures as SVG."""

from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from pseudovox import config as configuration
from pseudovox.config import Config
from pseudovox.core.errors import UsageError
from pseudovox.data.datadir import DataDir
from pseudovox.metrics.calibration import min_cllr
from pseudovox.metrics.ranking import rank
from pseudovox.records import Record, Timing
from pseudovox.report.overview import overview_tables
from pseudovox.report.page import listening, plane, summary
from pseudovox.report.page.attacks import PRIORS, cross_entropy
from pseudovox.report.page.experiment import Experiment
from pseudovox.report.page.figure import as_svg, canvas, themed, word
from pseudovox.report.page.write import differing


def row(system: str, **values: float) -> summary.Row:
    named = {"semi": "semi-informed", "wer": "wer", "gain": "voice_distinctiveness_gain"}
    return summary.Row(system, system, {named[k]: summary.Cell(v, str(v)) for k, v in values.items()})


def test_the_best_of_the_systems_are_marked() -> None:
    rows = [row("original", wer=1.0), row("a", semi=80.0, wer=5.01, gain=-1.0), row("b", semi=45.0, wer=5.04, gain=0.5)]
    best = {(r.system, key) for r in summary.mark_best(rows) for key, cell in r.cells.items() if cell.best}
    # Nearer to guessing, nearer to no change of distinctiveness; what looks the same is the same.
    assert best == {("b", "semi-informed"), ("b", "voice_distinctiveness_gain"), ("a", "wer"), ("b", "wer")}
    assert not any(cell.best for r in summary.mark_best(rows[:2]) for cell in r.cells.values()), "one is no contest"


def test_mean_of_lists() -> None:
    one = Record("eer", 10.0, group="f", ci_low=7.0, ci_high=14.0, n=5)
    mean = summary.mean_of([one, replace(one, group="m", value=20.0, ci_low=16.0, ci_high=23.0)])
    assert mean is not None and (mean.value, mean.group, mean.n) == (15.0, "all", 10)
    assert mean.ci_low == pytest.approx(15 - 5 / 2) and mean.ci_high == pytest.approx(15 + 5 / 2)
    assert summary.mean_of([one, replace(one, value=None)]) is None and summary.mean_of([]) is None


def test_a_column_for_each_model_of_whisper_after_the_wer() -> None:
    cells = {key: summary.Cell(value, str(value)) for key, value in
             {"whisper_small_wer": 5.0, "wer": 9.0, "distillmos": 3.5, "dnsmos_ovrl": 3.0}.items()}  # fmt: skip
    body = summary.Body("test", "all", [summary.Row("a", "a", cells)])
    shown = summary.columns_of([body])
    assert [column.title for column in shown] == ["WER %", "WER % Whisper small", "DNSMOS", "DistillMOS"]
    worse = {key: replace(cell, value=cell.value + 1) for key, cell in cells.items()}
    best = summary.mark_best([*body.rows, summary.Row("b", "b", worse)])
    assert best[0].cells["whisper_small_wer"].best and best[1].cells["distillmos"].best
    records = [
        Record("whisper_small_wer", 5.0, "%", "a", set="test"),
        Record("distillmos", 3.5, system="a", set="test"),
    ]
    run = Experiment(Path("x"), None, records, [], {}, "", Config())
    [table] = overview_tables(run)
    assert table.header == ["system", "WER % Whisper small", "DistillMOS"] and table.rows[-1] == ["a", "5.0", "3.50"]


def test_speed_is_that_of_the_steps_on_the_way() -> None:
    def timing(step: str, output: str, wall: float) -> Timing:
        return Timing(step, output, wall, 10.0, "")

    timings = [
        timing("prepare_x", "x/a", 1.0), timing("extract_f0", "x/f0/a", 2.0), timing("transform_f0", "x/s/f0/a", 1.0),
        timing("synthesize_speech", "x/a_s", 4.0), timing("synthesize_speech", "x/a_other_s", 9.0),
        timing("extract_xvectors", "x/asv/original/a", 9.0), timing("anonymize_m", "x/a_m", 3.0),
    ]  # fmt: skip
    assert summary.step_factors("s", timings) == {"synthesize_speech": 0.4, "transform_f0": 0.1, "extract_f0": 0.2}
    assert summary.step_factors("m", timings) == {"anonymize_m": 0.3}


def test_cross_entropy_at_even_odds_is_cllr() -> None:
    draw = np.random.default_rng(0)
    ranking = rank(draw.normal(1, 1, 50), draw.normal(0, 1, 300))
    llrs = ranking.blocks.llrs(ranking.target_total, ranking.nontarget_total)
    heights = cross_entropy(llrs, ranking.blocks.targets, ranking.blocks.nontargets, PRIORS)
    assert heights[len(PRIORS) // 2] == pytest.approx(min_cllr(ranking))
    prior = 1 / (1 + 10.0**-PRIORS)
    entropy = -(prior * np.log2(prior) + (1 - prior) * np.log2(1 - prior))
    assert (heights <= entropy + 1e-9).all(), "calibrated scores never hurt"
    useless = cross_entropy(np.zeros(1), np.ones(1), np.ones(1), PRIORS)
    assert useless == pytest.approx(entropy)


def test_the_choice_is_seeded_and_of_both_genders(tmp_path: Path) -> None:
    utt2spk = {f"{g}{n}-{k}": f"{g}{n}" for g in "fm" for n in range(6) for k in range(2)}
    data = DataDir(tmp_path, {"utt2spk": utt2spk})
    found = [
        listening.Candidate(data, utterance, utterance[0], 1.0 + 0.1 * place, float(place % 7))
        for place, utterance in enumerate(utt2spk)
    ]
    chosen = listening.choose(found, 1)
    assert chosen == listening.choose(found[::-1], 1), "the order of the data does not matter"
    assert chosen != listening.choose(found, 2)
    assert len({one.utterance for one, _ in chosen}) == 10 and [one.gender for one, _ in chosen[:2]] == ["f", "m"]
    reasons = {f"{one.gender} {why}": one for one, why in chosen}
    assert reasons["f short"].seconds < reasons["f long"].seconds
    assert (reasons["m understood best"].errors or 0) < (reasons["m understood worst"].errors or 0)
    unknown = [replace(one, errors=None) for one in found]
    assert {why for _, why in listening.choose(unknown, 1)} == {"drawn at random", "short", "long"}


def test_errors_are_marked() -> None:
    words, errors = listening.marked("A B C", "A X C D", Config())
    assert [(w.text, w.kind, w.instead) for w in words or []] == [
        ("A", "same", ""), ("X", "wrong", "B"), ("C", "same", ""), ("D", "added", ""),
    ]  # fmt: skip
    assert errors == "2 of 3 words wrong"
    assert listening.marked("A B", "A", Config())[0] == [listening.Word("A"), listening.Word("B", "missing")]
    assert listening.marked("A", "A", Config())[1] == "every word right"
    assert listening.marked("A", None, Config()) == (None, "")
    assert listening.marked(None, "A", Config()) == ([listening.Word("A")], "")


def test_spectrogram_and_contour() -> None:
    tone = np.sin(2 * np.pi * 1000 * np.arange(16000) / 16000)
    levels = listening.spectrogram(tone)
    assert levels.shape == (listening.BINS, 100) and levels.max() == 0
    assert listening.HIGHEST / listening.BINS * levels[:, 50].argmax() == pytest.approx(1000, abs=65)
    assert listening.spectrogram_png(np.zeros(1600)).startswith(b"\x89PNG")
    contour = np.array([0, 60, 60, 0, 100, 0, 500, 500.0])
    lines = listening.polylines(contour)
    assert len(lines) == 2 and lines[0].endswith(",100.0") and lines[1] == "857.1,0.0 1000.0,0.0"


def test_figures_follow_the_page() -> None:
    def drawn() -> str:
        made = canvas()
        axes = made.subplots()
        axes.plot([0, 1], [0, 1], color="#0072b2", label="<b>&$x^2$")
        axes.legend()
        return as_svg(made, "x", "a title", 'what "it" shows & more')

    svg = drawn()
    assert svg == drawn(), "the same figure, the same bytes"
    root = ElementTree.fromstring(svg)
    names = [child.tag.rpartition("}")[2] for child in root[:2]]
    assert names == ["title", "desc"] and root[1].text == 'what "it" shows & more' and root.get("role") == "img"
    assert "var(--series-1)" in svg and "#0072b2" not in svg and "&lt;b&gt;&amp;$x^2$" in svg
    ids = [element.get("id") for element in root.iter() if element.get("id")]
    assert ids and all(str(identity).startswith("x-") for identity in ids)
    assert "<style" not in svg and root.get("width") is None
    evil = '<svg xmlns="http://www.w3.org/2000/svg"><script>window.ran=1</script></svg>'
    assert "script" not in themed(evil, "y", "", "")
    assert word("a b/ü.c") == "a-b-c" and word("日本") == "x"


def test_baselines_are_pairs() -> None:
    config = Config()
    config.report.baselines = {"B1": [10.0, 4.0]}
    assert plane.baselines_of(config) == {"B1": (10.0, 4.0)}
    config.report.baselines["B2"] = [1.0]
    with pytest.raises(UsageError, match=r"report.baselines.B2: \[1.0\]: expected \[EER, WER\]"):
        plane.baselines_of(config)


def test_the_plane_is_divided_as_the_recipes_challenge_does() -> None:
    later, earlier = configuration.compose("vpc2024"), configuration.compose("vpc2022")
    assert plane.conditions_of(later) == (10.0, 20.0, 30.0, 40.0) and "of the VPC 2024" in plane.explanation(later)
    assert plane.conditions_of(earlier) == (15.0, 20.0, 25.0, 30.0) and "of the VPC 2022" in plane.explanation(earlier)
    earlier.report.conditions = "VPC 2023"
    with pytest.raises(UsageError, match=r"report\.conditions 'VPC 2023': expected VPC 2022 or VPC 2024"):
        plane.conditions_of(earlier)


def test_labels_cover_no_labels() -> None:
    spots = plane.beside(["one", "two", "three", "far"], [(50, 50), (51, 51), (52, 50), (190, 50)], 200)
    assert spots[0] == (8.0, 6.0) and len(set(spots[:3])) == 3
    assert spots[3][0] < 0, "a label does not leave the axes"


def test_keys_that_differ() -> None:
    other = Config()
    other.pseudo.strategy = "pool"
    other.system.name = "pool"
    assert differing(Config(), other) == [("pseudo.strategy", Config().pseudo.strategy, "pool")]


def test_sets_without_trials_have_their_place(tmp_path: Path) -> None:
    """A recipe that trains neither attackers nor a recogniser has pitch and judges alone."""
    spoken = Record("pitch_correlation_vpc2022", 0.9, "", "mcadams", "", "test-other", "all", "spk", n=20)
    run = Experiment(tmp_path, None, [spoken], [], {"seed": 1}, "")
    assert run.sets == ["test-other"]
    [table] = overview_tables(run)
    assert table.title.startswith("All systems (test-other") and ["mcadams", "0.90"] in table.rows

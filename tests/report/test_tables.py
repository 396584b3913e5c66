"""The tables, word by word where a newcomer reads them."""

from dataclasses import replace

from pseudovox.records import Record, Timing
from pseudovox.report import tables


def eer(system: str, attacker: str, group: str, value: float, interval: bool = True) -> Record:
    ends = (value - 1, value + 1) if interval else (None, None)
    level = "" if system == "original" else "spk"
    return Record("eer", value, "%", system, attacker, "test", group, level, *ends)


def wer(system: str, group: str, value: float | None) -> Record:
    details = {"decoder": "greedy", "normalisation": "none", "lm_perplexity": 28.53, "insertions": 1}
    level = "" if system == "original" else "spk"
    return Record("wer", value, "%", system, "", "test", group, level, details=details)


RECORDS = [
    eer("original", "original", "f", 1.5),
    eer("original", "original", "m", 2.5),
    eer("vq", "ignorant", "f", 48.04),
    eer("vq", "lazy-informed", "f", 50.0, interval=False),
    wer("original", "all", 5.0),
    wer("vq", "all", None),
    Record("pitch_correlation_voiced", 0.917, "", "vq", "", "test", "all", "spk"),
]


def test_privacy_table() -> None:
    table = tables.privacy_table(RECORDS, "test")
    assert table.header == [
        "system", "speakers", "OO original", "OA ignorant", "AA lazy-informed", "AA semi-informed", "AA informed",
    ]  # fmt: skip
    assert table.rows == [
        ["vq", "female", "1.5 [0.5, 2.5]", "48.0 [47.0, 49.0]", "50.0", "not run", "not run"],
        ["vq", "male", "2.5 [1.5, 3.5]", "not run", "not run", "not run", "not run"],
    ]
    assert "Higher = the attacker fails more often" in table.explanation


def test_who_knows_the_seed_has_a_column_where_there_is_one() -> None:
    table = tables.privacy_table([*RECORDS, eer("vq", "seed-informed", "f", 20.0)], "test")
    assert table.header[-1] == "OA seed-informed" and table.rows[0][-1] == "20.0 [19.0, 21.0]"
    assert any("knows the seed of the run" in note for note in table.notes)


def semi_informed(group: str, training: str, value: float) -> Record:
    return replace(eer("vq", "semi-informed", group, value), training=training)


def test_the_stronger_training_is_the_headline() -> None:
    continued = [semi_informed("f", "continued", 30.0), semi_informed("m", "continued", 40.0)]
    scratch = [semi_informed("f", "scratch", 20.0), semi_informed("m", "scratch", 44.0)]
    informed = [replace(record, attacker="informed", value=9.0) for record in (continued[0], scratch[0])]
    table = tables.privacy_table([*RECORDS, *continued, *scratch, replace(informed[0], value=5.0), informed[1]], "test")
    assert [row[-1] for row in table.rows] == ["9.0 [19.0, 21.0]", "not run"]  # of the headline's recogniser
    assert [row[-2] for row in table.rows] == ["20.0 [19.0, 21.0]", "44.0 [43.0, 45.0]"]
    assert "vq, semi-informed: scratch (mean EER: scratch 32.0, continued 35.0)." in table.notes
    assert "chosen on the same trials: the worst case for privacy" in table.notes[-1]
    titles = [shown.title for shown in tables.report_tables([*RECORDS, *continued, *scratch])]
    assert titles[1] == "The semi-informed attacker (test), by its training"
    [both] = tables.trainings_table([*RECORDS, *continued, *scratch, *informed], "test")
    assert both.header[2:] == ["continued", "scratch"]
    assert both.rows == [
        ["vq", "female", "30.0 [29.0, 31.0]", "20.0 [19.0, 21.0]"],
        ["vq", "male", "40.0 [39.0, 41.0]", "44.0 [43.0, 45.0]"],
    ]
    alone = tables.privacy_table([*RECORDS, *continued], "test")
    assert alone.notes[-1] == "semi-informed: trained in one way alone, continued; another may be stronger."
    assert tables.trainings_table([*RECORDS, *continued], "test") == []


def test_privacy_of_original_speech_alone() -> None:
    rows = tables.privacy_table(RECORDS[:2], "test").rows
    assert rows[0] == ["original", "female", "1.5 [0.5, 2.5]", *["not run"] * 4]


def test_utility_table() -> None:
    table = tables.utility_table(RECORDS, "test")
    assert table.rows == [["original", "5.0", "", ""], ["vq", "undefined", "0.92", "not run"]]
    assert any("among 28.5 equally likely words" in note for note in table.notes)


def judged(metric: str, system: str, group: str, value: float | None, attacker: str = "", **details: object) -> Record:
    level = "" if system == "original" else "spk"
    return Record(metric, value, "", system, attacker, "test", group, level, n=40, details=details)


JUDGED = [
    judged("resemblyzer_eer", "original", "f", 11.0, "original", judge="resemblyzer 0.1.4"),
    judged("resemblyzer_eer", "vq", "f", 44.0, "ignorant", judge="resemblyzer 0.1.4"),
    judged("resemblyzer_eer", "vq", "f", 30.04, "lazy-informed", judge="resemblyzer 0.1.4"),
    judged("dnsmos_ovrl", "original", "all", 3.126),
    replace(judged("dnsmos_ovrl", "original", "f", 3.2), ci_low=3.1, ci_high=3.3),
    judged("pocketsphinx_wer", "original", "all", None, not_run="pocketsphinx: not run: needs pip install"),
]


def test_judges_table() -> None:
    table = tables.judges_table([*RECORDS, *JUDGED], "test")
    assert table.rows == [
        ["original", "all", "", "", "", "not run", "not run", "not run", "3.13"],
        ["original", "female", "11.0", "", "", "not run", "not run", "not run", "3.20"],
        ["vq", "all", "", "", "", "not run", "not run", "not run", "not run"],
        ["vq", "female", "", "44.0", "30.0", "not run", "not run", "not run", "not run"],
    ]
    assert "pocketsphinx: not run: needs pip install" in table.notes
    assert "resemblyzer 0.1.4: each figure on 40 trials." in table.notes
    assert "dnsmos_ovrl: each figure on 40 utterances; intervals are in results.json." in table.notes
    pages = tables.console_page([*RECORDS, *JUDGED], [])
    assert "Independent judges (test)" in pages and "Independent judges" not in tables.console_page(RECORDS, [])


def test_judges_table_has_a_column_for_each_model_of_whisper() -> None:
    heard = replace(judged("whisper_large-v3_wer", "vq", "all", 4.0, judge="Whisper large-v3"), ci_low=3.0, ci_high=5.0)
    absent = judged("whisper_base.en_wer", "vq", "all", None, not_run="whisper-base.en: not run: needs weights")
    rated = replace(judged("distillmos", "vq", "all", 3.456), ci_low=3.1, ci_high=3.7)
    table = tables.judges_table([heard, absent, rated], "test")
    assert table.header[5:8] == ["WER pocketsphinx", "WER Whisper base.en", "WER Whisper large-v3"]
    assert table.header[-1] == "DistillMOS"
    assert table.rows[-1][6:] == ["not run", "4.0 [3.0, 5.0]", *["not run"] * 3, "3.46"]
    assert "Whisper large-v3: each figure on 40 words." in table.notes
    assert "whisper-base.en: not run: needs weights" in table.notes
    page = tables.console_page([heard, absent, rated], [])
    assert "Independent judges (test)" in page and "Utility" not in page


def test_judges_table_of_judges_that_are_all_absent() -> None:
    table = tables.judges_table(JUDGED[-1:], "test")
    assert table.rows == [["original", "all", "not run", "", "", *["not run"] * 4]] and len(table.notes) == 1


def test_text_is_aligned_and_names_a_system_once() -> None:
    text = tables.as_text(tables.privacy_table(RECORDS, "test"))
    lines = [line for line in text.split("\n") if "[" in line]
    assert lines[0].startswith("  vq") and lines[1].startswith("    ")
    assert lines[0].index("1.5 [") == lines[1].index("2.5 [")
    assert all(len(line) <= 120 for line in text.split("\n"))


def test_pages() -> None:
    timings = [Timing("synthesize", "data/x", 60.0, 600.0, ""), Timing("synthesize", "data/y", 30.0, 300.0, "")]
    page = tables.results_page(RECORDS, timings, {"recipe": "mini", "seed": 1}, "2024-01-01")
    assert "recipe mini, seed 1; 2024-01-01" in page
    assert "| synthesize | 2 | 90.0 | 900 | 0.1000 |" in page
    assert "| vq | female | 1.5 [0.5, 2.5] | 48.0 [47.0, 49.0] | 50.0 | not run | not run |" in page
    dev = Record("wer", 9.0, "%", set="dev")
    console = tables.console_page([*RECORDS, dev], timings)
    assert "(test)" in console and "(dev)" not in console and "1.5 minutes" in console
    alone = tables.console_page([dev], timings[1:])
    assert "Utility (dev)" in alone and "30 seconds" in alone
    assert alone.startswith("Privacy was not measured") and "Equal error rate" not in alone
    compared = judged("resemblyzer_eer", "original", "f", 3.0, "original")
    assert "Privacy was not measured" not in tables.console_page([dev, compared], timings)
    assert "No results yet" in tables.console_page([], [])


def test_no_judges_table_where_none_was_run() -> None:
    absent = [
        judged(metric, "original", "all", None, not_run="pocketsphinx: not run: needs x")
        for metric in ("dnsmos_sig", "pocketsphinx_wer")
    ]
    records = [*RECORDS, *absent]
    for page in (tables.console_page(records, []), tables.results_page(records, [], {}, "")):
        assert page.count("Independent judges") == 1
        assert "Independent judges were not run (pocketsphinx): utils/install.sh" in page
        assert "models that nobody trained here" not in page


def test_what_a_retrained_recogniser_makes_of_it() -> None:
    again = Record("wer", 3.25, "%", "vq", set="test", level="spk", training="anonymized")
    table = tables.utility_table([*RECORDS, again], "test")
    assert table.header[:3] == ["system", "WER all", "WER all, retrained"]
    assert [row[:3] for row in table.rows] == [["original", "5.0", ""], ["vq", "undefined", "3.2"]]
    assert table.notes[-1].startswith("retrained: the recogniser was trained on speech that the same system anonymized")
    assert tables.utility_table(RECORDS, "test").header[:2] == ["system", "WER all"]


def test_emotion_and_speed_tables() -> None:
    details = {"recalls": {"ang": 80.0, "sad": None}, "features": "prosody"}
    emotion = [
        Record("uar", 80.0, "%", set="moods", ci_low=70.0, ci_high=90.0, details=details),
        Record(
            "uar", 40.0, "%", "vq", set="moods", level="spk", details={**details, "recalls": {"ang": 30, "sad": 50}}
        ),
    ]
    [table] = tables.report_tables(emotion)
    assert table.header == ["system", "UAR all", "ang", "sad"] and "guessing gives 50.0" in table.explanation
    assert table.rows == [["original", "80.0 [70.0, 90.0]", "80", ""], ["vq", "40.0", "30", "50"]]
    details = {"seconds": 5.0, "batch": 1, "parts": {"embed": 0.01, "f0": 0.02}, "peak_mib": 512.3, "device": "cpu"}
    fast = Record("real_time_factor_5s_batch_1", 0.03, system="vq", details={**details, "machine": "some CPU"})
    [table] = tables.report_tables([fast])
    assert table.rows == [["vq", "cpu", "5", "1", "0.0300", "0.0100", "0.0200", "512"]]
    assert table.notes == ["some CPU."]
    page = tables.console_page([*RECORDS, fast, *emotion], [])
    assert "Speed:" in page and "Emotion" not in page, "the console shows the test set"


def test_dimensions_of_emotion_have_a_table_for_each_model() -> None:
    def of(model: str, figure: str, value: float, system: str = "original", **details: object) -> Record:
        level = "" if system == "original" else "spk"
        return Record(
            f"emotion_{model}_{figure}", value, system=system, set="moods", level=level, ci_low=value - 0.1,
            ci_high=value + 0.1, details={"model": model, **details},
        )  # fmt: skip

    records = [
        *(of("wav2vec2", name, 0.5) for name in ("arousal", "dominance", "valence")),
        of("wav2vec2", "arousal", 0.4, "vq"), of("wav2vec2", "arousal_difference", -0.1, "vq"),
        of("wav2vec2", "similarity", 0.9, "vq"),
        of("regression", "arousal", 0.6), of("regression", "arousal_error", 0.2, features="prosody", guessing=0.25),
    ]  # fmt: skip
    network, regression = tables.report_tables(records)
    assert network.header[:4] == ["system", "arousal", "difference", "absolute"] and "(wav2vec2)" in network.title
    assert network.rows[0] == ["original", "0.50", "", "", "0.50", "", "", "0.50", "", "", ""]
    assert network.rows[1][1:3] == ["0.40", "-0.100 [-0.200, 0.000]"] and network.rows[1][-1] == "0.90 [0.80, 1.00]"
    assert "An approximation" in regression.notes[0] and "0.200 [0.100, 0.300] arousal" in regression.notes[0]
    assert "mean: 0.250" in regression.notes[0] and len(regression.rows) == 1

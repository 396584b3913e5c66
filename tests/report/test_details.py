"""The tables of RESULTS.md alone: further privacy metrics, parts of the trials, voices."""

from dataclasses import replace

from pseudovox.records import Record
from pseudovox.report import details, tables


def figure(metric: str, system: str, attacker: str, value: float | None, group: str = "f", **more: object) -> Record:
    level = "" if system == "original" else "spk"
    return Record(metric, value, "", system, attacker, "test", group, level, details=more)


RECORDS = [
    figure("min_cllr", "original", "original", 0.123),
    *(figure("min_cllr", "vq", attacker, 0.9) for attacker in ("ignorant", "lazy-informed", "semi-informed")),
    figure("zebra_individual", "vq", "semi-informed", 1.25, tag="B"),
    figure("linkability", "vq", "semi-informed", None),
    figure("min_cllr", "control", "lazy-informed", 0.2),
    figure("min_cllr", "control", "ignorant", 0.3),
]


def test_further_privacy_metrics_of_the_strongest_attackers() -> None:
    table = details.further_privacy_table(RECORDS, "test")
    assert table.header == ["system", "speakers", "attacker", "min Cllr", "linkability", "ZEBRA individual"]
    assert table.rows == [
        ["original", "female", "original", "0.12", "not run", "not run"],
        ["control", "female", "lazy-informed", "0.20", "not run", "not run"],
        ["vq", "female", "semi-informed", "0.90", "undefined", "1.2 B"],
    ]
    assert "cosines are none" in table.notes[0]


def test_parts() -> None:
    angry = figure("eer_part", "original", "original", 4.0, "f/utt2emo=ang")
    records = [angry, replace(angry, system="vq", attacker="ignorant", level="spk", value=44.0)]
    table = details.parts_table(records, "test")
    assert table.header == ["part", "speakers", "system", "OO original", "OA ignorant"]
    assert table.rows == [["utt2emo=ang", "female", "vq", "4.0", "44.0"]]
    assert details.parts_table([angry], "test").rows == [["utt2emo=ang", "female", "original", "4.0"]]
    targets = [figure("eer_part", "vq", "ignorant", 4.0, f"f/utt2target=s{number}") for number in range(17)]
    table = details.parts_table([*targets, angry], "test")
    assert table.rows == [] and table.notes == [
        "utt2target: 17 values, too many for a table; they are in breakdowns.tsv."
    ]


def test_voices() -> None:
    records = [figure("voice_distinctiveness_gain", "vq", "", -9.06), figure("deid", "vq", "", 0.987)]
    assert details.voices_table(records, "test").rows == [["vq", "female", "-9.06", "0.99"]]


def test_they_stand_on_the_page_alone() -> None:
    page = tables.results_page(RECORDS, [], {"recipe": "mini"}, "2024-01-01")
    assert "## Further privacy metrics (test)" in page and "## Parts" not in page and "## Voices" not in page
    assert "Further privacy metrics" not in tables.console_page(RECORDS, [])

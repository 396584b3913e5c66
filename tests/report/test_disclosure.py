"""Disclosure in the report: the table beside the EER, and the pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pseudovox.evaluation import codes
from pseudovox.records import Record
from pseudovox.report import disclosure, tables

EER = Record("eer", 30.0, "%", "quantised", "semi-informed", "test", "f", "spk", training="scratch")


def test_table_stands_beside_the_eer() -> None:
    records = [*codes.records(np.array([24, 8]), "quantised", "test"), EER]
    made = {table.title: table for table in tables.report_tables(records)}
    assert list(made)[:2] == [
        "Privacy (test): how often the attacker fails",
        next(t for t in made if "Disclosure" in t),
    ]
    table = disclosure.disclosure_table(records, "test")
    assert table.rows == [["quantised", "1", "1.83", "0.81", "1.8", "2.83", "32", "30.0"]]
    without = disclosure.disclosure_table(records[:2], "test")
    assert without.rows[0][-1] == "not run"
    assert not any("Utility" in title for title in (t.title for t in tables.report_tables(records[:2])))


def test_curves_are_drawn(tmp_path: Path) -> None:
    corners = np.random.default_rng(1).standard_normal((8, 2))
    disclosure.draw_curves(tmp_path / "curve.png", corners, {3: (corners, corners)})
    assert (tmp_path / "curve.png").stat().st_size > 5_000
    before = (tmp_path / "curve.png").read_bytes()
    disclosure.draw_curves(tmp_path / "curve.png", corners, {3: (corners, corners)})
    assert (tmp_path / "curve.png").read_bytes() == before

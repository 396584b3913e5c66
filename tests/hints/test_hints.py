"""Every hint, obeyed to the letter, leads on: provoked, carried out, and the next try gets further."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest
from obeying import CASES, Case, follow

for path in sorted(Path(__file__).parent.glob("hints_of_*.py")):
    importlib.import_module(path.stem)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_hint_that_is_obeyed_leads_on(
    case: Case, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    follow(case, request)

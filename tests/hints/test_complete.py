"""Every place that raises an error with a hint has a case that obeys it, or was reviewed."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest
from obeying import CASES, named, places
from reviewed import REVIEWED

for path in sorted(Path(__file__).parent.glob("hints_of_*.py")):
    importlib.import_module(path.stem)


def test_every_hint_is_obeyed_or_reviewed() -> None:
    covered = {place for case in CASES for place in named(case.module, case.fragment)}
    covered |= {place for module, fragment, _ in REVIEWED for place in named(module, fragment)}
    left = [place for place in places() if place not in covered and place.hint]
    assert not left, (
        "hints that no test obeys. Write a case for each in tests/hints/hints_of_*.py (obeying.py says how); if no "
        "machine can obey it, make sure that it is true, and say why in tests/hints/reviewed.py:\n"
        + "\n".join(map(str, left))
    )


@pytest.mark.parametrize(("module", "fragment", "reason"), REVIEWED)
def test_what_was_reviewed_is_there_and_has_no_case(module: str, fragment: str, reason: str) -> None:
    found = named(module, fragment)
    texts = {(place.message, place.hint) for place in found}
    assert len(texts) == 1, f"{module}, {fragment!r}: names {len(texts)} messages; correct it, or take it out: {texts}"
    assert not set(found) & {case.place() for case in CASES}, f"{module}, {fragment!r}: has a case; take it out"
    assert reason

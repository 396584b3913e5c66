"""Fixtures: a small run made by hand, and its page."""

from __future__ import annotations

from pathlib import Path

import pytest
from made_run import experiment, make_run


@pytest.fixture(scope="session")
def tiny_run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return make_run(tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="session")
def tiny_page(tiny_run: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the page of the run."""
    from pseudovox.report.page.write import write_page

    folder = tmp_path_factory.mktemp("page") / "with space & ünicode"
    folder.mkdir()
    write_page(folder, experiment(*tiny_run), files=["RESULTS.md"])
    return folder

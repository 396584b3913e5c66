"""Which code made an output: the closure of a script's imports, and what of it has changed."""

from __future__ import annotations

from pathlib import Path

import pytest

from pseudovox import config as configuration
from pseudovox.stage import sources


@pytest.fixture
def code(tmp_path: Path) -> Path:
    files = {
        "steps/a.py": "from pseudovox import stage, top\nif True:\n    import pseudovox.part.lazy\n",
        "pseudovox/__init__.py": "from pseudovox import unseen\n",
        "pseudovox/stage/__init__.py": "from pseudovox import unseen\n",
        "pseudovox/stage/parallel.py": "",
        "pseudovox/top.py": "def f():\n    from pseudovox.part import inner\n",
        "pseudovox/part/__init__.py": "",
        "pseudovox/part/inner.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import pseudovox.unseen\n",
        "pseudovox/part/lazy.py": "import numpy\n",
        "pseudovox/unseen.py": "",
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_text(text)
    return tmp_path


def test_what_a_script_imports(code: Path) -> None:
    found = sources.sources(code / "steps/a.py", code)
    assert list(found) == [
        "pseudovox/part/__init__.py", "pseudovox/part/inner.py", "pseudovox/part/lazy.py",
        "pseudovox/stage/parallel.py", "pseudovox/top.py", "steps/a.py",
    ]  # fmt: skip
    assert not sources.changed(found, code)
    (code / "pseudovox/part/lazy.py").write_text("import numpy as np\n")
    (code / "pseudovox/top.py").unlink()
    (code / "pseudovox/unseen.py").write_text("x = 1\n")
    sources.digest.cache_clear()
    assert sources.changed(found, code) == ["pseudovox/part/lazy.py", "pseudovox/top.py"]


def test_a_script_of_a_users_own(code: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    own = tmp_path_factory.mktemp("own") / "mine.py"
    own.write_text("from pseudovox.part import lazy\n")
    assert list(sources.sources(own, code)) == [
        "pseudovox/part/__init__.py", "pseudovox/part/lazy.py",
    "pseudovox/stage/parallel.py", ]  # fmt: skip


def test_the_steps_of_pseudovox() -> None:
    """Every step's output depends on its script and on what does its work, not on its frame or on other steps'."""
    steps = sources.ROOT / "steps"
    found = {path.stem: sources.sources(path) for path in steps.glob("*.py")}
    assert all(f"steps/{name}.py" in of for name, of in found.items())
    assert "pseudovox/anonymize/pseudo_speakers.py" in found["sample_pseudo_speakers"]
    assert "pseudovox/anonymize/sampling.py" not in found["extract_f0"]
    assert "pseudovox/models/bottleneck.py" in found["extract_bottleneck"]
    assert not any(name in of for of in found.values() for name in sources.FRAME)


def test_what_does_the_work_of_a_kind_is_among_the_sources() -> None:
    config = configuration.load()
    drawn = sources.of_kinds([{"pseudo": config.pseudo}, {"level": "spk"}])
    assert {"pseudovox/anonymize/pca_gmm.py", "pseudovox/anonymize/voice_model.py"} <= drawn.keys()
    assert "pseudovox/anonymize/pool.py" not in drawn
    trained = sources.of_kinds(config.synthesizer)
    assert {"pseudovox/training/synthesizer.py", "pseudovox/models/synthesizer.py"} <= trained.keys()
    assert sources.of_kinds({"level": "spk"}) == {}

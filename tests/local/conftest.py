"""What the tests of corpus readers share: the step run as users do (see standins for files and trees)."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture
def prepared(program: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path) -> Callable[..., Path]:
    """`prepared(script, corpus, *options)`: the folder of data dirs that the step makes.

    Asserted on the way: the same tables whatever --nj, valid as Kaldi understands it, and done when run again.
    """

    def call(script: str, corpus: Path, *options: object, text: bool = True) -> Path:
        outs = [tmp_path / f"out{jobs}" for jobs in (1, 3)]
        for jobs, out in zip((1, 3), outs, strict=True):
            made = program(script, "--nj", jobs, *options, corpus, out)
            assert made.returncode == 0, made.stderr
        again = program(script, *options, corpus, outs[0])
        assert again.returncode == 0 and "skipped" in again.stderr
        names = sorted(path.name for path in outs[0].iterdir())
        assert names == sorted(path.name for path in outs[1].iterdir())
        for name in names:
            for file in (outs[0] / name).iterdir():
                if file.is_file() and file.suffix != ".json":
                    assert file.read_bytes() == (outs[1] / name / file.name).read_bytes(), file
            checks = ["--no-feats"] if text else ["--no-feats", "--no-text"]
            checked = program("utils/validate_data_dir.py", *checks, outs[0] / name)
            assert checked.returncode == 0, checked.stdout + checked.stderr
        return outs[0]

    return call

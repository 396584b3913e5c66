"""recipes/openspeech at its smallest, on real speech where it is there, from the corpus to the table."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CORPORA = ROOT.parent / "shared" / "corpora"


@pytest.mark.slow
@pytest.mark.skipif(not (CORPORA / "speechocean762").is_dir(), reason="no speechocean762 in ../shared/corpora")
def test_runs_at_the_smoke_size_from_the_corpus_to_the_table(tmp_path: Path) -> None:
    done = subprocess.run(
        [
            "bash", "run.sh", "--recipe", "openspeech", "--set", "size=smoke", "--set", f"data.corpora={CORPORA}",
            "--system", "pca_gmm", "--data-dir", str(tmp_path / "data"), "--exp-dir", str(tmp_path / "exp"),
        ],
        cwd=ROOT, capture_output=True, text=True, timeout=1500,
        env={**os.environ, "PSEUDOVOX_PYTHON": sys.executable},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    assert "pca_gmm" in (tmp_path / "exp/report/RESULTS.md").read_text()
    children = (tmp_path / "data/speechocean762_train_adults_few/spk2age").read_text().split()[1::2]
    assert all(int(age) >= 18 for age in children)

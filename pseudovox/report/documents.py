"""The files of a report besides its page: results.json, RESULTS.md, the console table, LaTeX, the challenges' lists."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Mapping
from pathlib import Path

from pseudovox.core.files import finite
from pseudovox.data.datadir import write_atomic
from pseudovox.records import FILE, ORIGINAL, summary
from pseudovox.report import averages, challenge, latex, tables
from pseudovox.report.overview import overview_tables
from pseudovox.report.page.experiment import Experiment


def write_documents(folder: Path, shown: Experiment, weights: Mapping[str, float]) -> None:
    """Write them all into a folder that is there.

    Args:
        shown: the experiment.
        weights: of trial dirs in averages, see `averages.weighted_mean`.
    """
    records, timings, run, when = shown.records, shown.timings, dict(shown.run), shown.when
    standings = {split: averages.standings(records, split, weights) for split in averages.splits(records)}
    whole = finite(summary(records, run=run, timings=timings, when=when))
    texts = {
        FILE: json.dumps(whole, indent=1, allow_nan=False) + "\n",
        "RESULTS.md": tables.results_page(
            records, timings, run, when, weights, _diversity(folder, shown.folder), first=overview_tables(shown)
        ),
        "table.txt": tables.console_page(records, timings, weights),
        "results.tex": latex.results_tex(records, standings, run),
    }
    for system in sorted({record.system for record in records} - {ORIGINAL}):
        for name, anonymized in (("results", False), ("results_anon", True)):
            text = challenge.results_txt(records, system, weights, semi_informed=anonymized)
            texts[f"vpc/{system}/{name}.txt"] = text
        texts[f"vpc/{system}/summary.txt"] = challenge.summary_txt(records, system, weights)
        texts[f"vpc/result_for_rank_{system}"] = challenge.result_for_rank(
            records, system, weights, when=time.strftime("%d-%m-%y_%H:%M"), dataset=shown.folder.name
        )
    for name, text in texts.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        write_atomic(folder / name, text)


def _diversity(folder: Path, exp: Path) -> list[str]:
    """The section of RESULTS.md on the diversity of voices, if that was measured; its pictures are copied."""
    pictures = sorted(exp.glob("diversity/*.svg"), reverse=True)
    for picture in [*pictures, *exp.glob("diversity/*.png")]:
        shutil.copyfile(picture, folder / picture.name)
    if not pictures:
        return []
    rows = (exp / "diversity/diversity.tsv").read_text(encoding="utf-8").splitlines()
    return [tables.diversity_section([row.split("\t") for row in rows], [picture.name for picture in pictures])]

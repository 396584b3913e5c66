"""What quantised codes disclose, for people: pictures of codebooks' figures and of curves, and the table of a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np

from pseudovox.evaluation.codes import AS_THEY_ARE, AVERAGE, COLUMNS, WORST
from pseudovox.records import Record
from pseudovox.report.diversity import OF_SYSTEMS
from pseudovox.report.formatting import NOT_RUN, Table, cell
from pseudovox.report.headline import headline

PANELS, IDENTIFICATION = "disclosure", "identification"  # names of the files, .svg and .png
DISCLOSED = (WORST, AVERAGE)  # metrics of records
# figure: (title of the panel, logarithmic scale)
_PANELS = {
    "divergence": ("KL divergence from chance, bits", True),
    "worst_case": ("worst-case disclosure, bits", False),
    "average": ("average disclosure, bits", False),
    "sparseness": ("sparseness", False),
    "deviation": ("standard deviation of counts", True),
}
_IDEAL = "#444444"
_STYLE = {"svg.hashsalt": "pseudovox", "font.size": 10, "axes.spines.top": False, "axes.spines.right": False}


def draw_panels(folder: Path, rows: Sequence[Sequence[str]]) -> None:
    """Write disclosure.{svg,png}, five figures by bits with bands over runs; nothing where no kind has two sizes.

    Args:
        rows: of disclosure.tsv, its header first.
    """
    cells = [dict(zip(COLUMNS, row, strict=True)) for row in rows[1:]]
    kinds = sorted({row["kind"] for row in cells})
    if all(len({row["bits"] for row in cells if row["kind"] == kind}) < 2 for kind in kinds):
        return

    def made(figure: Any) -> None:
        axes = figure.subplots(2, 3).ravel()
        for axis, (name, (title, logarithmic)) in zip(axes, _PANELS.items(), strict=False):
            own = [row for row in cells if row["figure"] == name]
            _bands(axis, kinds, own)
            ideal = {int(row["bits"]): float(row["ideal"]) for row in own}
            axis.plot(sorted(ideal), [ideal[bits] for bits in sorted(ideal)], "--", color=_IDEAL, linewidth=1.2)
            axis.set(title=title, xlabel="bits", xticks=sorted(ideal))
            if logarithmic:
                axis.set_yscale("log")
        handles, labels = axes[0].get_legend_handles_labels()
        axes[-1].axis("off")
        ideal_line = axes[0].lines[-1]
        axes[-1].legend(
            [*handles, ideal_line], [*labels, "ideal (deviation, divergence: chance)"], loc="center", frameon=False,
            title="mean and 2.5 to 97.5 % over runs",
        )  # fmt: skip

    _draw(folder / PANELS, (10.5, 6.2), made)


def draw_identification(folder: Path, rows: Sequence[Sequence[str]]) -> None:
    """Write identification.{svg,png}, closed-set error by bits; `rows` are of identification.tsv, its header first."""
    cells = [dict(zip(rows[0], row, strict=True)) for row in rows[1:]]
    quantised = [row for row in cells if row["kind"] != AS_THEY_ARE]
    kinds = sorted({row["kind"] for row in quantised})

    def made(figure: Any) -> None:
        for axis, by in zip(figure.subplots(1, 2, sharey=True), ("codes", "codewords"), strict=True):
            own = [row for row in quantised if row["by"] == by]
            _bands(axis, kinds, own)
            bounds = {int(row["bits"]): float(row["bound"]) for row in own}
            axis.plot(
                sorted(bounds), [bounds[b] for b in sorted(bounds)], "--", color=_IDEAL, label="no B bits do better"
            )
            whole = float(next(row["mean"] for row in cells if row["kind"] == AS_THEY_ARE))
            axis.axhline(whole, color=_IDEAL, linewidth=1, linestyle=":", label="x-vectors as they are")
            axis.set(title=f"by {by}", xlabel="bits", xticks=sorted(bounds), ylim=(0, 100))
        figure.axes[0].set_ylabel(f"closed-set error, %, {cells[0]['speakers']} speakers")
        figure.axes[1].legend(frameon=False, fontsize=8, loc="lower left")

    _draw(folder / IDENTIFICATION, (8.5, 3.8), made)


def draw_curves(path: Path, vectors: np.ndarray, curves: Mapping[int, tuple[np.ndarray, np.ndarray]]) -> None:
    """A picture of curves over vectors (n, 2), in the format that the file's name says: a panel by number of bits.

    Args:
        curves: by bits, corners (corners, 2) and codewords after occurrence normalisation (codes, 2).
    """

    def made(figure: Any) -> None:
        for axis, (bits, (corners, codewords)) in zip(
            figure.subplots(1, len(curves), sharey=True, squeeze=False)[0], sorted(curves.items()), strict=True
        ):
            axis.scatter(*vectors.T, s=2, color="#bbbbbb", linewidth=0, rasterized=True)
            axis.plot(*corners.T, color=OF_SYSTEMS[0], linewidth=1.1, label="curve")
            axis.scatter(
                *codewords.T, s=9, color=OF_SYSTEMS[1], zorder=3, label="codewords, as frequent as one another"
            )
            axis.set(title=f"{bits} bits", aspect="equal", xlim=(-3.2, 3.2), ylim=(-3.2, 3.2), xticks=[], yticks=[])
        figure.legend(*figure.axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=2, frameon=False)

    _draw(path.with_suffix(""), (3.1 * len(curves), 3.6), made, [path.suffix or ".png"])


def _bands(axis: Any, kinds: Sequence[str], rows: Sequence[Mapping[str, str]]) -> None:
    for number, kind in enumerate(kinds):
        own = sorted((row for row in rows if row["kind"] == kind), key=lambda row: int(row["bits"]))
        if not own:
            continue
        bits = [int(row["bits"]) for row in own]
        mean, low, high = ([float(row[name]) for row in own] for name in ("mean", "low", "high"))
        colour = OF_SYSTEMS[number % len(OF_SYSTEMS)]
        axis.fill_between(bits, low, high, color=colour, alpha=0.2, linewidth=0)
        axis.plot(bits, mean, color=colour, marker="o", markersize=4, linewidth=1.5, label=kind.replace("_", " "))


def _draw(path: Path, size: tuple[float, float], made: Any, formats: Sequence[str] = (".svg", ".png")) -> None:
    """Write a figure of a size in inches; the same figures give the same bytes."""
    import matplotlib

    matplotlib.use("Agg")
    with matplotlib.rc_context(_STYLE):  # type: ignore[arg-type]
        from matplotlib.figure import Figure
        from matplotlib.layout_engine import ConstrainedLayoutEngine

        figure = Figure(figsize=size, layout=ConstrainedLayoutEngine(w_pad=0.1, h_pad=0.1))
        made(figure)
        for suffix in formats:
            metadata = {"Date": None} if suffix == ".svg" else {"Software": None}
            figure.savefig(path.with_suffix(suffix), dpi=110, metadata=metadata)


def disclosure_table(records: Sequence[Record], name: str) -> Table:
    """Bits that the codes of each quantised system of a set disclose, beside its EER by the strongest attacker."""
    own = {(record.system, record.metric): record for record in records if record.metric in DISCLOSED}
    eers: dict[tuple[str, str], list[float]] = {}
    for record in headline(records):
        if record.metric == "eer" and record.value is not None:
            eers.setdefault((record.system, record.attacker), []).append(record.value)
    rows = []
    for system in sorted({system for system, _ in own}):
        worst, average = own[system, WORST], own[system, AVERAGE]
        details = average.details
        strongest = eers.get((system, "semi-informed")) or eers.get((system, "lazy-informed"))
        eer = NOT_RUN if strongest is None else f"{fmean(strongest):.1f}"
        rows.append([
            system, f"{details['bits']:g}", cell(worst, 2), cell(average, 2), f"{details['perplexity']:.1f}",
            f"{details['deviation_over_chance']:.2f}", str(average.n), eer,
        ])  # fmt: skip
    return Table(
        f"Disclosure ({name}): how much of who speaks the codes tell",
        "Bits of the x-vector's code that pass in its place. Worst case: what the rarest code tells, -log2 of its "
        "share; average: entropy of the codes. Both are log2 of the number of codes where all are as frequent; a worst "
        "case beyond the bits means that some speakers are told apart better than others.",
        ["system", "bits", "worst case", "average", "perplexity", "deviation / chance", "x-vectors", "mean EER %"],
        rows,
        [
            "Counted on the x-vectors of single utterances. With fewer than some hundred for each code, the worst case "
            "is mostly chance.",
            "Mean EER: over the lists of trials, of the semi-informed attacker, if trained, else the lazy-informed.",
            "The words and the course of F0 pass as in other systems, and are counted by the EER alone.",
        ],
    )

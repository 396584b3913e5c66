"""Two pictures of how different voices are: densities of the cosine of pairs, and a map of the voices (t-SNE)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from pseudovox.anonymize.diversity import AVERAGED, REAL, Voices, density, kinds, map_of

SIMILARITY, MAP = "similarity", "map"  # names of the files, .svg and .png
TITLES = {"f": "female", "m": "male"}
_COLOURS = {REAL: "#444444", AVERAGED: "#e69f00"}
OF_SYSTEMS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9")  # told apart by the colour-blind (Okabe and Ito)
ON_MAP = 100  # voices of a kind and gender, at most
_MARKERS = {"f": "o", "m": "^"}


def draw(folder: Path, voices: Sequence[Voices], seed: int) -> None:
    """Write similarity.{svg,png}, and map.{svg,png} of four voices or more."""
    import matplotlib

    matplotlib.use("Agg")
    # The same voices give the same bytes.
    with matplotlib.rc_context({"svg.hashsalt": "pseudovox", "font.size": 10, "axes.spines.top": False}):
        matplotlib.rcParams["axes.spines.right"] = False
        _save(folder, SIMILARITY, _similarity(voices))
        if sum(len(own.vectors) for own in voices) > 3:
            _save(folder, MAP, _map(voices, seed))


def _similarity(voices: Sequence[Voices]) -> Any:
    from matplotlib.figure import Figure

    genders = [gender for gender in TITLES if any(own.gender == gender for own in voices)]
    figure = Figure(figsize=(4.4 * len(genders), 3.6), layout="constrained")
    axes: Any = figure.subplots(1, len(genders), sharex=True, squeeze=False)[0]
    cosines = {(own.kind, own.gender): own.cosines() for own in voices}
    lowest = min(values.min() for values in cosines.values())
    places = np.linspace(max(-1.0, lowest - 0.1), 1.05, 500)
    for gender, axis in zip(genders, axes, strict=True):
        for kind, colour in _colours(voices).items():
            if (kind, gender) not in cosines:
                continue
            values = cosines[kind, gender]
            heights = density(values, places)
            axis.fill_between(places, heights, color=colour, alpha=0.25 if kind == REAL else 0.12, linewidth=0)
            axis.plot(places, heights, color=colour, linewidth=1.6, label=f"{kind}: {values.mean():.2f}")
        axis.set(title=TITLES[gender], xlabel="cosine similarity of two voices", xlim=(places[0], 1.02), yticks=[])
        axis.set_ylim(0, axis.get_ylim()[1] * (1.05 + 0.1 * len(axis.lines)))  # room for the legend
        axis.legend(title="with means", alignment="left", fontsize=8, title_fontsize=8, frameon=False, loc="upper left")
    axes[0].set_ylabel("density")
    return figure


def _map(voices: Sequence[Voices], seed: int) -> Any:
    from matplotlib.figure import Figure

    voices = [replace(own, vectors=own.vectors[:ON_MAP]) for own in voices]
    points = map_of(np.concatenate([own.vectors for own in voices]), seed)
    figure = Figure(figsize=(6.4, 6.6), layout="constrained")
    axis = figure.subplots()
    colours = _colours(voices)
    start = 0
    for own in voices:
        x, y = points[start : start + len(own.vectors)].T
        start += len(own.vectors)
        real = own.kind == REAL
        axis.scatter(
            x, y, s=18, zorder=3 if real else 2, marker=_MARKERS[own.gender], linewidths=0.8, alpha=0.8,
            facecolors="none" if real else colours[own.kind], edgecolors=colours[own.kind],
            label=f"{own.kind}, {TITLES[own.gender]}",
        )  # fmt: skip
    axis.set(xticks=[], yticks=[], title="t-SNE by cosine similarity: near = alike")
    axis.spines[:].set_visible(False)
    columns = max(1, len(voices) // 2)
    figure.legend(fontsize=9, frameon=False, loc="outside lower center", ncols=columns)
    return figure


def _colours(voices: Sequence[Voices]) -> dict[str, str]:
    systems = [kind for kind in kinds(voices) if kind not in _COLOURS]
    given = {kind: OF_SYSTEMS[number % len(OF_SYSTEMS)] for number, kind in enumerate(systems)}
    return {kind: _COLOURS.get(kind) or given[kind] for kind in kinds(voices)}


def _save(folder: Path, name: str, figure: Any) -> None:
    figure.savefig(folder / f"{name}.svg", metadata={"Date": None})
    figure.savefig(folder / f"{name}.png", dpi=130, metadata={"Software": None})

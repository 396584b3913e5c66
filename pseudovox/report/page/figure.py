"""Figures of the page: drawn by matplotlib in plain colours, put into the page as SVG that follows its light or dark.

Text stays text, so it is read aloud, found and selected; the colours below become the page's own (templates/style.css).
"""

from __future__ import annotations

import io
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

# Told apart by the colour-blind (Okabe and Ito); a seventh system begins again, with another stroke.
SERIES = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00")
STROKES = ("-", (0, (5, 2)), (0, (1, 1.5)), (0, (6, 2, 1, 2)))
INK, MUTED, GRID = "#000000", "#444444", "#dddddd"
_THEME = {
    INK: "var(--ink)",
    MUTED: "var(--muted)",
    GRID: "var(--line)",
    "#ffffff": "none",
    **{colour: f"var(--series-{number})" for number, colour in enumerate(SERIES, 1)},
}
_COLUMNS = 3  # of legends
_SVG = "http://www.w3.org/2000/svg"
_LINK = "{http://www.w3.org/1999/xlink}href"
_STYLE: Any = {
    "text.parse_math": False,
    "svg.fonttype": "none",
    "font.size": 9.5,
    "axes.titlesize": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "grid.linewidth": 0.7,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "lines.linewidth": 1.6,
}


@dataclass(frozen=True)
class Figure:
    """A figure of the page and what belongs to it.

    Attributes:
        name: its id in the page.
        title: a few words.
        alt: what it shows, for those who do not see it: the figures that stand in it.
        svg: to be put into the page as it is.
        caption: beside the title; how much it is computed on.
        set, attacker: what it is of; "" where it is of none or all. The page shows those of the one that is chosen.
        sources: outputs of steps that it was drawn from.
        wide: it takes the whole width of the page.
    """

    name: str
    title: str
    alt: str
    svg: str
    caption: str = ""
    set: str = ""
    attacker: str = ""
    sources: tuple[Path, ...] = ()
    wide: bool = False


@dataclass(frozen=True)
class Topic:
    """Figures of one kind under a heading, with what a newcomer must know to read them.

    `columns` is how many of them stand side by side where there is room.
    """

    name: str
    title: str
    explanation: str
    figures: Sequence[Figure]
    columns: int = 2


def strokes(names: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Colour and stroke of the line of each name, the same in every figure that is given the same names."""
    return {
        name: {"color": SERIES[place % len(SERIES)], "linestyle": STROKES[place // len(SERIES) % len(STROKES)]}
        for place, name in enumerate(names)
    }


def canvas(width: float = 4.6, height: float = 3.5, margins: Sequence[float] = (0.62, 0.5, 0.12, 0.12)) -> Any:
    """An empty matplotlib figure in the page's style.

    Args:
        width, height: inches; the page scales it to its column.
        margins: inches left of, below, right of and above the axes.
    """
    import matplotlib

    matplotlib.rcParams.update(_STYLE)
    from matplotlib.figure import Figure as Canvas

    drawn = Canvas(figsize=(width, height))
    left, below, right, above = margins
    drawn.subplots_adjust(left / width, below / height, 1 - right / width, 1 - above / height)
    return drawn


def plot(entries: int, height: float = 3.3) -> tuple[Any, Any]:
    """A figure and its axes, with room above them for the `legend` of so many entries."""
    above = 0.3 + 0.2 * math.ceil(entries / _COLUMNS)
    drawn = canvas(4.6, height + above, (0.62, 0.5, 0.12, above))
    return drawn, drawn.subplots()


def legend(drawn: Any, axes: Any, title: str = "") -> None:
    """The legend above the axes, where it covers nothing."""
    handles, labels = axes.get_legend_handles_labels()
    drawn.legend(
        handles, labels, loc="upper left", bbox_to_anchor=(0.1, 1.0), ncols=_COLUMNS, title=title, alignment="left",
        title_fontsize=8.5, handlelength=1.8, columnspacing=1.2, borderaxespad=0.1,
    )  # fmt: skip


def as_svg(drawn: Any, name: str, title: str, alt: str) -> str:
    """A matplotlib figure as SVG for the page; the same figure gives the same text."""
    import matplotlib

    file = io.StringIO()
    with matplotlib.rc_context({"svg.hashsalt": name, "svg.fonttype": "none"}):
        drawn.savefig(file, format="svg", metadata={"Date": None})
    return themed(file.getvalue(), name, title, alt)


def themed(svg: str, name: str, title: str, alt: str) -> str:
    """An SVG of matplotlib, to be put into HTML: named, with the page's colours, its ids told apart from others'.

    Args:
        svg: a whole file.
        name: of letters, digits and hyphens, unique in the page.
        title, alt: for who does not see it.
    """
    root = ElementTree.fromstring(svg)
    for parent in list(root.iter()):
        for child in list(parent):
            # A style sheet would apply to the whole page; nothing else is drawn by these.
            if child.tag.rpartition("}")[2] in ("metadata", "style", "script", "title", "desc"):
                parent.remove(child)
    used = set(re.findall(r"url\(#([^)]+)\)", svg)) | {
        element.get(_LINK, "")[1:] for element in root.iter() if element.get(_LINK, "").startswith("#")
    }
    for element in root.iter():
        identity = element.attrib.pop("id", None)
        if identity in used:
            element.set("id", f"{name}-{identity}")
        if element.get(_LINK, "").startswith("#"):
            element.set("href", f"#{name}-{element.attrib.pop(_LINK)[1:]}")
        for key, value in element.attrib.items():
            if "url(#" in value:
                element.set(key, value.replace("url(#", f"url(#{name}-"))
    for size in ("width", "height"):
        root.attrib.pop(size, None)
    root.attrib |= {"role": "img", "aria-labelledby": f"{name}-title {name}-desc"}
    for place, (tag, text) in enumerate((("title", title), ("desc", alt))):
        element = ElementTree.Element(f"{{{_SVG}}}{tag}", {"id": f"{name}-{tag}"})
        element.text = text
        root.insert(place, element)
    ElementTree.register_namespace("", _SVG)
    ElementTree.register_namespace("xlink", "http://www.w3.org/1999/xlink")
    text = ElementTree.tostring(root, encoding="unicode")
    for plain, own in _THEME.items():
        text = text.replace(plain, own)
    return re.sub(r"\s*\n\s*", "\n", text)


def word(text: str) -> str:
    """Some text as a part of an id in the page: letters, digits and hyphens."""
    return re.sub(r"[^A-Za-z0-9]+", "-", text).strip("-") or "x"

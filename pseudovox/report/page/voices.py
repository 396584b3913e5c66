"""How alike voices are: every speaker with every other, original and anonymized; real, averaged and generated."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from pseudovox.report.diversity import OF_SYSTEMS
from pseudovox.report.page.experiment import GENDERS, Experiment
from pseudovox.report.page.figure import Figure, Topic, as_svg, canvas, strokes, themed, word

_SIMILARITY = (
    "Voice similarity",
    "Every speaker of a set compared with every other: yellow = alike, blue = different, grey = cannot be told. Upper "
    "left: original with original; the bright diagonal says that speakers sound like themselves. Lower right: "
    "anonymized with anonymized; a bright diagonal = the pseudo-speakers can still be told apart. Off those, original "
    "with anonymized: a diagonal there means that anonymized speech still resembles its speaker, which is a leak.",
)
_DIVERSITY = (
    "Diversity of the voices",
    "Are the pseudo-speakers as different from one another as people are? Cosine similarity of every two voices (the "
    "more to the right, the more alike), and a map on which like voices lie near each other. Good pseudo-speakers "
    "spread as real speakers do; averages crowd together.",
)


def topics(experiment: Experiment) -> list[Topic]:
    """Similarity matrices, and the pictures of steps/plot_diversity.py."""
    made = [
        Topic("similarity", *_SIMILARITY, matrices(experiment), columns=4),
        Topic("diversity", *_DIVERSITY, diversity(experiment)),
    ]
    return [topic for topic in made if topic.figures]


def matrices(experiment: Experiment) -> list[Figure]:
    """One picture of four matrices for each system and data dir."""
    found = []
    for system in experiment.systems:
        for file in sorted((experiment.folder / system / "voices").glob("*/similarity.npz")):
            try:
                with np.load(file, allow_pickle=False) as arrays:
                    parts = {name: np.asarray(arrays[name], np.float64) for name in ("oo", "oa", "aa")}
            except (OSError, ValueError, KeyError):
                continue
            if len(parts["oo"]) > 1 and all((values >= 0).any() for values in parts.values()):
                name = experiment.set_of(file.parent.name)
                found.append((name, _matrix(parts, system, name, experiment.group_of(file.parent.name), file.parent)))
    order = {name: place for place, name in enumerate(experiment.sets)}
    return [figure for name, figure in sorted(found, key=lambda one: order.get(one[0], 99))]


def _matrix(parts: dict[str, np.ndarray], system: str, name: str, speakers: str, folder: Path) -> Figure:
    count = len(parts["oo"])
    whole = np.block([[parts["oo"], parts["oa"]], [parts["oa"].T, parts["aa"]]])
    whole = np.where(whole < 0, np.nan, whole)  # -1: no pair was compared
    drawn = canvas(3.3, 3.3, (0.35, 0.35, 0.05, 0.05))
    axes = drawn.subplots()
    axes.imshow(whole, vmin=0, vmax=max(1e-9, float(np.nanmax(whole))), cmap="cividis", interpolation="none")
    for middle in (count - 0.5,):
        axes.axhline(middle, color="white", linewidth=1.2)
        axes.axvline(middle, color="white", linewidth=1.2)
    ticks = (count / 2 - 0.5, 1.5 * count - 0.5)
    axes.set_xticks(ticks, ("original", "anonymized"))
    axes.set_yticks(ticks, ("original", "anonymized"), rotation=90, va="center")
    axes.tick_params(length=0)
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    known = {key: np.where(values < 0, np.nan, values) for key, values in parts.items()}
    diagonals = {key: float(np.nanmean(np.diag(values))) for key, values in known.items()}
    others = {key: float(np.nanmean(values[~np.eye(count, dtype=bool)])) for key, values in known.items()}
    identity = f"similarity-{word(folder.name)}-{word(system)}"
    group = "" if speakers == "all" else GENDERS.get(speakers, "")
    title = f"Voice similarity: {system}, {name}{', ' if group else ''}{group}"
    alt = f"Similarity of {count} speakers, 0 to 1. " + "; ".join(
        f"{words}: a speaker with itself {diagonals[key]:.2f}, with others {others[key]:.2f}"
        for key, words in (
            ("oo", "original"), ("oa", "original with anonymized"), ("aa", "anonymized"),
        )
    ) + "."  # fmt: skip
    made = (folder.parent,)
    return Figure(
        identity, f"{system}{', ' if group else ''}{group}", alt, as_svg(drawn, identity, title, alt),
        f"{count} speakers", name, "", made,
    )  # fmt: skip


def diversity(experiment: Experiment) -> list[Figure]:
    """The pictures that were drawn of all voices, in the page's colours."""
    folder = experiment.folder / "diversity"
    told = _told(folder / "diversity.tsv")
    words = {
        "similarity": ("Similarity of every two voices", f"Densities of the cosine similarity of voices. {told}"),
        "map": ("A map of the voices", "t-SNE: voices of one kind, near where they are alike. By eye, it tells whether "
                "pseudo-speakers fill the space of the real ones."),
    }  # fmt: skip
    made = []
    for stem, (title, alt) in words.items():
        path = folder / f"{stem}.svg"
        try:
            text = path.read_text(encoding="utf-8")
            svg = themed(_recoloured(text, experiment, folder), f"diversity-{stem}", title, alt)
        except (OSError, ElementTree.ParseError):
            continue
        made.append(Figure(f"diversity-{stem}", title, alt, svg, sources=(folder,), wide=stem == "similarity"))
    return made


def _recoloured(svg: str, experiment: Experiment, folder: Path) -> str:
    """The picture with the colours that the systems have in the page's other figures."""
    systems = [kind for kind in _kinds(folder / "diversity.tsv") if kind in experiment.systems]
    own = strokes(experiment.systems)
    changed = {old: own[system]["color"] for system, old in zip(systems, OF_SYSTEMS, strict=False)}
    return re.sub("|".join(changed), lambda found: changed[found[0]], svg) if changed else svg


def _kinds(table: Path) -> list[str]:
    """The kinds of voices in diversity.tsv, in order."""
    return list(dict.fromkeys(row[0] for row in _rows(table)[1:]))


def _told(table: Path) -> str:
    """The means of diversity.tsv in words."""
    head, *rows = _rows(table) or [[]]
    if not {"kind", "speakers", "mean"} <= set(head):
        return ""
    kind, speakers, mean = (head.index(column) for column in ("kind", "speakers", "mean"))
    return "; ".join(f"{row[kind]}, {row[speakers]}: mean {row[mean]}" for row in rows if len(row) == len(head))


def _rows(table: Path) -> list[list[str]]:
    try:
        return [line.split("\t") for line in table.read_text(encoding="utf-8").splitlines()]
    except OSError:
        return []

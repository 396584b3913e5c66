"""How the models of a run were trained, and what the quantiser uses of its codes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pseudovox.core.errors import PseudovoxError
from pseudovox.data.archive import read_scp
from pseudovox.models import store
from pseudovox.report.page.experiment import Experiment
from pseudovox.report.page.figure import MUTED, SERIES, Figure, Topic, as_svg, canvas, word

_CURVES = (
    "Training of the models",
    "What was measured while each model learned, by update. Training figures should fall and level out; a validation "
    "figure that rises again has begun to learn by heart. An attacker whose validation EER stays near 50 has learned "
    "nothing, and what it says of privacy means nothing.",
)
_CODES = (
    "Use of the codebook",
    "The content extractor says what was spoken by a limited number of codes. How often each of them is used, sorted: "
    "with few codes in use much of the speech is lost, and the perplexity is the number of codes that, evenly used, "
    "would say as much.",
)
UTTERANCES = 200  # that the use of codes is counted on, at most
_SKIPPED = ("hp_metric", "epoch", "lr")


def topics(experiment: Experiment) -> list[Topic]:
    """Use of codes, training curves."""
    made = [Topic("codes", *_CODES, codes(experiment)), Topic("training", *_CURVES, curves(experiment), columns=3)]
    return [topic for topic in made if topic.figures]


def curves(experiment: Experiment) -> list[Figure]:
    """Scalars that were logged for TensorBoard, a figure for each model."""
    made = []
    logs = experiment.folder.glob("**/tensorboard/events.out.tfevents.*")
    for folder in sorted({path.parent.parent for path in logs}):
        if folder == experiment.folder or not (folder / "model.json").is_file():
            continue
        scalars = read_scalars(folder / "tensorboard")
        scalars = {tag: points for tag, points in scalars.items() if len(points) > 1}
        if scalars:
            made.append(_curves(scalars, str(folder.relative_to(experiment.folder)), folder))
    return made


def read_scalars(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """(update, value) of every scalar in TensorBoard's event files, by tag; files that are damaged end early."""
    from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

    found: dict[str, dict[int, float]] = {}
    for path in sorted(folder.glob("events.out.tfevents.*")):
        try:
            for event in EventFileLoader(str(path)).Load():
                for value in event.summary.value:
                    number = _number(value)
                    if number is not None and not any(part in value.tag for part in _SKIPPED):
                        found.setdefault(value.tag, {})[event.step] = number
        except Exception:  # of many kinds, where a file was cut off: what was read is shown
            continue
    return {tag: sorted(points.items()) for tag, points in sorted(found.items())}


def _number(value: Any) -> float | None:
    """A summary value's number, whether it was logged as a scalar or as a tensor; None for others."""
    from tensorboard.util import tensor_util

    if value.WhichOneof("value") == "simple_value":
        number = float(value.simple_value)
    elif value.WhichOneof("value") == "tensor" and value.tensor.dtype in (1, 2):
        array = tensor_util.make_ndarray(value.tensor)
        if array.size != 1:
            return None
        number = float(array.reshape(-1)[0])
    else:
        return None
    return number if math.isfinite(number) else None


def _curves(scalars: dict[str, list[tuple[int, float]]], name: str, folder: Path) -> Figure:
    panels = list(scalars)[:6]
    columns = min(2, len(panels))
    rows = math.ceil(len(panels) / columns)
    drawn = canvas(4.6, 0.5 + 1.35 * rows, (0.5, 0.45, 0.1, 0.3))
    grid: Any = drawn.subplots(rows, columns, squeeze=False, gridspec_kw={"hspace": 0.75, "wspace": 0.35})
    told = []
    for place, axes in enumerate(grid.flat):
        if place >= len(panels):
            axes.set_axis_off()
            continue
        tag = panels[place]
        steps, values = zip(*scalars[tag], strict=True)
        axes.plot(steps, values, color=SERIES[1 if tag.startswith("valid") else 0], marker="o", markersize=2.2,
                  linewidth=1.2)  # fmt: skip
        axes.set_title(tag, loc="left", fontsize=8.5, pad=3)
        axes.tick_params(labelsize=7.5, length=2, pad=2)
        axes.locator_params(nbins=4)
        told.append(f"{tag} from {values[0]:.3g} to {values[-1]:.3g}")
    for axes in grid[-1]:
        axes.set_xlabel("update", fontsize=8)
    identity = f"training-{word(name)}"
    alt = f"Training of {name}: {'; '.join(told)}."
    svg = as_svg(drawn, identity, f"Training of {name}", alt)
    return Figure(identity, name, alt, svg, f"{scalars[panels[0]][-1][0] + 1:,} updates", sources=(folder,))


def codes(experiment: Experiment) -> list[Figure]:
    """How often each code of the bottleneck's quantiser is used in the first set's speech; none without a quantiser."""
    models = Path(experiment.config.models) if experiment.config.models else experiment.folder / "models"
    try:
        card = store.read_card(models / "bottleneck", *store.content_extractors())
    except PseudovoxError:
        return []
    count = int(card["hyperparameters"].get("codes") or 0)
    pairs = experiment.config.sets.trials
    dirs = [name for pair in pairs for name in pair.split()[1:] if name.startswith(tuple(experiment.sets[:1]))]
    if not count or not dirs:
        return []
    used, frames, folders = _counts(experiment, dirs)
    if not frames:
        return []
    shares = np.sort(used / used.sum())[::-1]
    perplexity = float(np.exp(-(shares * np.log(shares)).sum()))
    shares = np.pad(shares, (0, max(0, count - len(shares))))
    drawn = canvas(4.6, 3.2)
    axes = drawn.subplots()
    axes.bar(np.arange(1, len(shares) + 1), 100 * shares, width=0.85, color=SERIES[0])
    axes.axhline(100 / count, color=MUTED, linewidth=0.9, linestyle=(0, (4, 3)))
    axes.annotate("even use", (len(shares), 100 / count), (0, 3), textcoords="offset points", ha="right", fontsize=8.5,
                  color=MUTED)  # fmt: skip
    axes.set(xlabel="codes, sorted by use", ylabel="share of frames, %", xlim=(0.2, len(shares) + 0.8))
    in_use = int((shares > 0).sum())
    alt = (
        f"{in_use} of {count} codes are in use; perplexity {perplexity:.1f}. The most frequent takes "
        f"{100 * shares[0]:.1f} % of the frames."
    )
    svg = as_svg(drawn, "codes", "Use of the codebook", alt)
    title = f"{in_use} of {count} codes, perplexity {perplexity:.1f}"
    return [Figure("codes", title, alt, svg, f"{frames:,} frames", sources=tuple(folders))]


def _counts(experiment: Experiment, dirs: Sequence[str]) -> tuple[np.ndarray, int, list[Path]]:
    """How often each different content vector occurs, in how many frames, of which outputs."""
    found: dict[bytes, int] = {}
    folders, left = [], UTTERANCES
    for name in dirs:
        folder = experiment.folder / "bottleneck" / name
        if not (folder / "bottleneck.scp").is_file():
            continue
        folders.append(folder)
        try:
            archive = read_scp(folder / "bottleneck.scp")
            for key in list(archive)[: max(1, left // max(1, len(dirs)))]:
                rows, counts = np.unique(archive[key], axis=0, return_counts=True)
                for row, number in zip(rows, counts, strict=True):
                    found[row.tobytes()] = found.get(row.tobytes(), 0) + int(number)
        except PseudovoxError:
            continue
    used = np.array(list(found.values()), dtype=np.float64)
    return used, int(used.sum()), folders

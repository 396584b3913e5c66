"""Making a pack of what a recipe trained, and judging one: what is in it, what it may not hold (packs.py says why).

Every fact stands once: of a model in the README.md of its folder, of all of them and of their data in the pack's.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pseudovox import config as configuration
from pseudovox.config import kinds, packs
from pseudovox.core import checkout
from pseudovox.core.errors import DataError, MissingModelError
from pseudovox.core.npz import read_npz
from pseudovox.data.datadir import read_table, write_atomic
from pseudovox.models import store
from pseudovox.stage.digests import read_marker

if TYPE_CHECKING:
    import torch

LARGEST_BYTES = 40 * 2**20
KINDS = frozenset((".safetensors", ".npz", ".json", ".yaml", ".md"))
# The model dirs of a pack, each with the folder of pseudovox/kinds that its networks are of.
NETWORKS = {"xvector": "speaker_networks", "bottleneck": "content_extractors", "synthesizer": "synthesizers"}
OPTIONAL = {"synthesizer_asrbn": "synthesizers"}  # packed where a recipe trained it
GENERATORS = ("pca_gmm",)  # systems whose pseudo-speakers are packed; that of `pool` holds people's x-vectors
SYSTEMS = ("pca_gmm", "resynthesis")  # that expected.json is of
ROUNDING = 1e-3  # of a tensor's norm: what half precision may change
LEAST_SPEAKERS = 2  # that a component of a mixture must stand for; of one alone it would be that one's x-vector
TOLERANCE = 0.002  # of expected.json, of full scale: other processors round differently
PARTS = 16  # of the fixed signal, each told by two numbers


@dataclass(frozen=True)
class Made:
    """What was packed, and what was not: lines for whoever made it, and the bytes of all files."""

    notes: tuple[str, ...]
    bytes: int


def make(exp: Path, pack: Path, recipe: str, data: Path, overrides: Iterable[str] = ()) -> Made:
    """Write a pack.

    Args:
        exp: folder of a run, with models/ and config.yaml.
        pack: to be written; it must not be there.
        recipe: that made the models: its name is the pack's; recipes/<recipe>/pack.md is taken into the README.
        data: folder of the recipe's data dirs, for the hours of speech.
        overrides: `key=value` that the recipe was run with.

    Raises:
        MissingModelError: a model is not there. DataError: the run was of other settings than the recipe has, or the
            pack would hold what it may not (see `problems`).
    """
    models = exp / "models"
    notes = []
    settings = packs.resolved(recipe, overrides)
    _check_settings(exp / packs.CONFIG, settings, recipe)
    pack.mkdir(parents=True)
    rows = []
    for name, folder in {**NETWORKS, **OPTIONAL}.items():
        if name in NETWORKS or (models / name).is_dir():
            rows.append(_pack_network(models / name, pack / name, folder, data))
        else:
            makes = f"./run.sh --recipe {recipe} --system asrbn makes it"
            notes.append(f"{name}: not in {models}, so the pack does not do for system asrbn: {makes}")
    for system in GENERATORS:
        rows.append(_pack_generator(models / "pseudo" / system, pack / "pseudo" / system, data))
    makes = f"./run.sh --recipe {recipe} --system pool makes it"
    notes.append(f"pseudo/pool: left out, since it is x-vectors of real people: {makes}")
    import yaml

    text = yaml.safe_dump(settings, sort_keys=False, allow_unicode=True, width=120)
    write_atomic(pack / packs.CONFIG, text)
    found = {system: summary(pack, system) for system in SYSTEMS}
    lines = ",\n".join(f' "{system}": {json.dumps(numbers)}' for system, numbers in found.items())
    write_atomic(pack / packs.EXPECTED, f"{{\n{lines}\n}}\n")
    by_hand = checkout.ROOT / "recipes" / recipe / "pack.md"
    if not by_hand.is_file():
        notes.append(f"recipes/{recipe}/pack.md: not there, so the pack says nothing of licences and limits")
    write_atomic(pack / packs.README, _readme(recipe, rows, by_hand))
    wrong = problems(pack)
    if wrong:
        raise DataError(f"{pack}: cannot be given away:\n    " + "\n    ".join(wrong))
    return Made(tuple(notes), size_of(pack))


# ---------------------------------------------------------------------- judging
def problems(pack: Path) -> list[str]:
    """What a pack may not be or hold, one line each; empty for a good one."""
    found = []
    files = sorted(path for path in pack.rglob("*") if not path.is_dir())
    for path in files:
        name = path.relative_to(pack)
        if path.suffix not in KINDS or path.is_symlink() or name.name.startswith("."):
            found.append(f"{name}: expected files of {', '.join(sorted(KINDS))} alone")
        elif path.suffix in (".json", ".yaml"):
            text = path.read_text(encoding="utf-8")
            found += [f"{name}: {path_!r} is a path of some machine" for path_ in _absolute_paths(text)]
    size = size_of(pack)
    if size > LARGEST_BYTES:
        largest = max(files, key=lambda path: path.stat().st_size).relative_to(pack)
        found.append(f"{_mebibytes(size)} in all, of {_mebibytes(LARGEST_BYTES)} at most; the largest is {largest}")
    for card in sorted(pack.glob("*/model.json")):
        values = json.loads(card.read_text(encoding="utf-8"))
        if values["kind"] in store.speaker_networks() and values["hyperparameters"]["speakers"] > 1:
            found.append(f"{card.parent.name}: its classifier knows the voices of its training speakers")
    for card in sorted(pack.glob("pseudo/*/pseudo.json")):
        strategy = json.loads(card.read_text(encoding="utf-8"))["strategy"]
        if strategy != "pca_gmm":
            found.append(f"pseudo/{card.parent.name}: strategy {strategy} may hold x-vectors of real people")
            continue
        facts = json.loads(card.read_text(encoding="utf-8"))["facts"]
        for gender, least in _least_speakers(card.parent, facts).items():
            if least < LEAST_SPEAKERS:
                found.append(
                    f"pseudo/{card.parent.name}: a component of the mixture ({gender}) stands for {least:.1f} "
                    "speakers, so its mean is somebody's x-vector: fewer of them, pseudo.gmm_size"
                )
    return found


def size_of(pack: Path) -> int:
    """Bytes of all its files."""
    return sum(path.stat().st_size for path in pack.rglob("*") if path.is_file())


def probe(pitch: float = 130.0, seconds: float = 2.0, rate: int = 16000) -> np.ndarray:
    """A fixed signal, something like a voice: harmonics of a gliding pitch, two formants, pauses, a little noise.

    Returns:
        float32 (samples,), the same on every machine to rounding.
    """
    time = np.arange(round(seconds * rate)) / rate
    phase = 2 * np.pi * np.cumsum(pitch * (1 + 0.1 * np.sin(2 * np.pi * 1.5 * time))) / rate
    sound = np.zeros(len(time))
    for harmonic in range(1, int(3500 / pitch)):
        gain = sum(np.exp(-(((harmonic * pitch - formant) / 150) ** 2)) for formant in (600, 1700)) + 0.05
        sound += gain * np.sin(harmonic * phase)
    sound *= (np.sin(2 * np.pi * 2 * time) > -0.8) * 0.1
    return (sound + 1e-4 * np.random.default_rng(0).standard_normal(len(time))).astype(np.float32)


def summary(pack: Path, system: str) -> list[float]:
    """What a system makes of the fixed signal, on the CPU: of 16 parts of it the root mean square, and that of the
    differences from sample to sample, which tells of the spectrum; 32 numbers, of full scale, to four digits.
    """
    from pseudovox.anonymizer import Anonymizer

    made = Anonymizer.load(system, pack=pack, device="cpu").anonymize(probe(), 16000, "probe", gender="f")
    numbers = [
        float(np.sqrt(np.square(part, dtype=np.float64).mean()))
        for signal in (made, np.diff(made))
        for part in np.array_split(signal, PARTS)
    ]
    return [round(number, 4) for number in numbers]


# ---------------------------------------------------------------------- weights
def halved(network: torch.nn.Module) -> dict[str, torch.Tensor]:
    """A network's weights for storing, trained parameters in half precision where that changes next to nothing.

    Buffers stay as they are (statistics, codebooks), and so do parameters that half precision would change by more than
    a thousandth of their norm: those with values beyond its range, or mostly below it.
    """
    import torch

    trained = {name for name, _ in network.named_parameters()}
    weights = {}
    for name, tensor in network.state_dict().items():
        weights[name] = tensor.detach().cpu().contiguous()
        if name in trained and tensor.dtype == torch.float32:
            half = weights[name].half()
            change = (half.double() - weights[name].double()).norm()
            if half.isfinite().all() and change <= ROUNDING * weights[name].double().norm():
                weights[name] = half
    return weights


def _pack_network(source: Path, target: Path, folder: str, data: Path) -> tuple[str, str, int]:
    known = kinds.networks(folder)
    network, facts = store.load(source, *known)
    card = store.read_card(source, *known)
    if card["kind"] in store.speaker_networks():
        # The classifier has a direction for each training speaker, as good as an x-vector.
        facts = {**facts, "speakers": []}
        card = {**card, "hyperparameters": {**card["hyperparameters"], "speakers": 1}}
        empty = store.build(card["kind"], card["hyperparameters"])
        kept = {name: value for name, value in network.state_dict().items() if not name.startswith("head.")}
        blank = {name: value * 0 for name, value in empty.state_dict().items() if name.startswith("head.")}
        empty.load_state_dict({**kept, **blank})
        network = empty
    hyperparameters = card["hyperparameters"]
    store.save(
        target, network, kind=card["kind"], hyperparameters=hyperparameters, facts=facts, weights=halved(network)
    )
    parameters = sum(own.numel() for own in network.parameters())
    what = known[card["kind"]].card.format(**{**hyperparameters, **facts})
    figures = {f"validation: {name}": value for name, value in facts.get("validation", {}).items()}
    return _card(source, target, what, {"parameters": f"{parameters:,}"}, figures, data)


def _pack_generator(source: Path, target: Path, data: Path) -> tuple[str, str, int]:
    from pseudovox.anonymize import pseudo_pitch

    card = source / "pseudo.json"
    if not card.is_file():
        hint = pseudo_pitch.refit(source)
        raise MissingModelError(f"{source}: no pseudo-speakers (pseudo.json is missing)", hint)
    target.mkdir(parents=True)
    for name in ("pseudo.json", "pseudo.npz", pseudo_pitch.FILE):
        if (source / name).is_file():
            shutil.copyfile(source / name, target / name)
    values = json.loads(card.read_text(encoding="utf-8"))
    facts, figures = values["facts"], {}
    for part, own in facts.items():
        figures.update({f"{part}, {key}": value for key, value in own.items()} if isinstance(own, dict) else {})
    parameters = sum(array.size for path in sorted(target.glob("*.npz")) for array in read_npz(path).values())
    what = "Generator of pseudo-speakers (Turner et al. 2020): Gaussian mixtures over principal components of x-vectors"
    return _card(source, target, what, {"numbers": f"{parameters:,}"}, figures, data)


def _least_speakers(folder: Path, facts: Mapping[str, Any]) -> dict[str, float]:
    """For how many speakers of the pool the smallest component of each mixture stands, by gender."""
    arrays = read_npz(folder / "pseudo.npz")
    weights = {name.partition(".")[0]: array for name, array in arrays.items() if name.endswith(".weights")}
    return {gender: float(own.min() * facts[gender]["speakers"]) for gender, own in weights.items()}


# ---------------------------------------------------------------------- words
def _card(
    source: Path, target: Path, what: str, size: Mapping[str, str], figures: Mapping[str, Any], data: Path
) -> tuple[str, str, int]:
    """Write a model's README.md; gives its name, what it is, its bytes."""
    marker = read_marker(source) or {}
    versions = marker.get("versions", {})
    held = sum(path.stat().st_size for path in target.iterdir() if path.suffix in (".safetensors", ".npz"))
    rows: dict[str, Any] = {
        **size,
        "bytes": f"{held:,}",
        "trained on": "; ".join(_data_dirs(marker, data)) or "unknown",
    }
    rows |= {str(name).replace("_", " "): value for name, value in figures.items()}
    rows["seed"] = marker.get("seed", "unknown")
    rows["made with"] = f"pseudovox {versions.get('pseudovox', '?')}, commit {versions.get('commit', '?')}"
    rows["made by"] = f"`{_command(source) or marker.get('step', 'unknown')}`"
    table = "\n".join(f"| {name} | {value} |" for name, value in rows.items())
    write_atomic(target / "README.md", f"{what}.\n\n| | |\n|---|---|\n{table}\n")
    return str(target.relative_to(_pack_of(target))), what, held


def _data_dirs(marker: Mapping[str, Any], data: Path) -> Iterator[str]:
    """The data dirs among a step's inputs in words, with hours and speakers where they are there to be asked."""
    names = dict.fromkeys(name.partition(":")[2] for name in marker.get("inputs", {}))
    for name in names:
        folder = data / name
        if not (folder / "utt2spk").is_file():
            continue
        speakers = len(set(read_table(folder / "utt2spk").values()))
        hours = ""
        if (folder / "utt2dur").is_file():
            hours = f"{sum(map(float, read_table(folder / 'utt2dur').values())) / 3600:.2f} h, "
        yield f"{name} ({hours}{speakers} speakers)"


def _command(source: Path) -> str:
    """The command that a model was made by, as its log has it, folders of the machine left out."""
    for log in sorted((source / "log").glob("*.log")):
        found = re.search(r" command: (.+)", log.read_text(encoding="utf-8", errors="replace"))
        if found:
            return re.sub(r"(^|(?<=[\s=]))/\S*/(?=[^\s/])", "", found[1].replace("`", "'"))
    return ""


def _readme(recipe: str, rows: list[tuple[str, str, int]], by_hand: Path) -> str:
    table = "\n".join(f"| [{name}]({name}/README.md) | {what} | {_mebibytes(held)} |" for name, what, held in rows)
    text = f"""# {recipe}

Models that recipes/{recipe} trained (utils/make_pack.py wrote this folder). `models: pretrained/{recipe}` in a recipe
takes them, `pseudovox.Anonymizer.load(pack="{recipe}")` in Python. Trained parameters are in half precision; nobody's
x-vector is in it.

| model | what it is | size |
|---|---|---|
{table}
"""
    return text + (f"\n{by_hand.read_text(encoding='utf-8').strip()}\n" if by_hand.is_file() else "")


def _pack_of(target: Path) -> Path:
    return target.parent.parent if target.parent.name == "pseudo" else target.parent


def _check_settings(path: Path, expected: Mapping[str, Any], recipe: str) -> None:
    """DataError unless a run's configuration is the recipe's; folders of the machine may differ."""
    have = packs.sections_of(configuration.merge([path]))
    differing = [
        f"{key}: {value!r} in {path}, {wanted!r} in recipe {recipe}"
        for (key, value), (_, wanted) in zip(_leaves(have), _leaves(expected), strict=True)
        if value != wanted and not (isinstance(value, str) and "/" in value)
    ]
    if differing:
        raise DataError(
            "the models were made with other settings than the recipe has:\n    " + "\n    ".join(differing[:12]),
            "give what it was run with (--set key=value), or put it into the recipe",
        )


def _leaves(values: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        if isinstance(value, dict) and value:
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _absolute_paths(text: str) -> list[str]:
    return re.findall(r"""(?<![\w./:])~?/[\w.-]+/[^\s"']*""", text)


def _mebibytes(count: int) -> str:
    return f"{count / 2**20:.2f} MiB"

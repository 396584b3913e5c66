"""The packs of pretrained/, and utils/make_pack.py: whole, small, of the settings that stand beside it, of nobody."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import numpy as np
import pytest
import tiny_models
import torch
import yaml
from safetensors.torch import load_file, save_file

from pseudovox import config as configuration
from pseudovox.config import kinds, packs
from pseudovox.devtools import packing
from pseudovox.models import store

ROOT = Path(__file__).resolve().parent.parent
PACKS = sorted(path for path in (ROOT / "pretrained").glob("*") if path.is_dir())
Program = Callable[..., CompletedProcess[str]]
SETTINGS = ("--set", "bottleneck.codes=6", "--set", "pseudo.pca_size=3", "--set", "pseudo.gmm_size=1")


@pytest.mark.parametrize("pack", PACKS or [None], ids=lambda pack: pack.name if pack else "none")
def test_packs_of_the_tree(pack: Path | None) -> None:
    if pack is None:
        pytest.skip("pretrained/ holds no pack as yet (utils/make_pack.py)")
    check(pack, packs.resolved(pack.name))


def check(pack: Path, settings: dict[str, object]) -> None:
    assert packing.problems(pack) == []
    assert yaml.safe_load((pack / packs.CONFIG).read_text()) == settings
    for name, folder in {**packing.NETWORKS, **packing.OPTIONAL}.items():
        if name in packing.NETWORKS or (pack / name).is_dir():
            network, _ = store.load(pack / name, *kinds.networks(folder))
            assert all(own.dtype == torch.float32 for own in network.parameters())
    expected = json.loads((pack / packs.EXPECTED).read_text())
    assert set(expected) == set(packing.SYSTEMS)
    for system, numbers in expected.items():
        found = packing.summary(pack, system)
        assert len(found) == 2 * packing.PARTS and any(found)
        assert np.abs(np.subtract(found, numbers)).max() <= packing.TOLERANCE, system
    for card in pack.rglob("README.md"):
        for target in re.findall(r"\]\(([^)#:\s]+)\)", card.read_text()):
            assert (card.parent / target).exists() or pack.parent != ROOT / "pretrained", f"{card}: {target}"


@pytest.fixture(scope="module")
def exp(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_models.make(tmp_path_factory.mktemp("exp") / "tiny")


@pytest.fixture(scope="module")
def pack(exp: Path) -> Path:
    (exp / "data/train").mkdir(parents=True)
    (exp / "data/train/utt2spk").write_text("a-1 a\na-2 a\nb-1 b\n")
    (exp / "data/train/utt2dur").write_text("a-1 1800\na-2 900\nb-1 900\n")
    made = packing.make(exp, exp / "pack", "own", exp / "data", SETTINGS[1::2])
    assert made.notes[1].startswith(
        "pseudo/pool: left out, since it is x-vectors of real people: ./run.sh --recipe own"
    )
    assert made.bytes == packing.size_of(exp / "pack")
    return exp / "pack"


@pytest.fixture
def made(pack: Path, tmp_path: Path) -> Path:
    """A pack that a test may spoil."""
    return Path(shutil.copytree(pack, tmp_path / "tiny"))


def test_a_pack_is_made(made: Path, exp: Path) -> None:
    check(made, packs.resolved("own", SETTINGS[1::2]))
    names = {str(path.relative_to(made)) for path in made.rglob("*") if path.is_file()}
    networks = {
        f"{name}/{file}" for name in packing.NETWORKS for file in ("model.json", "weights.safetensors", "README.md")
    }
    generator = {f"pseudo/pca_gmm/{file}" for file in ("pseudo.json", "pseudo.npz", "pseudo_pitch.npz", "README.md")}
    assert names == {"config.yaml", "expected.json", "README.md", *networks, *generator}
    card = (made / "bottleneck/README.md").read_text()
    for line in (
        "as 8 numbers every 0.02 s.",
        "| trained on | train (1.00 h, 2 speakers) |",
        "| validation: frame accuracy | 0.5 |",
        "| seed | 1 |",
        "commit 0123456789ab",
        "`steps/train_bottleneck.py --config exp/tiny/config.yaml train bottleneck`",
    ):
        assert line in card
    xvector = json.loads((made / "xvector/model.json").read_text())
    assert xvector["facts"]["speakers"] == [] and xvector["hyperparameters"]["speakers"] == 1
    # What it does is what the models do, but for the last digits of the weights.
    whole = packing.summary(exp / "models", "pca_gmm")
    assert np.abs(np.subtract(whole, packing.summary(made, "pca_gmm"))).max() < 0.02


def test_half_precision_where_it_is_harmless() -> None:
    network = store.build("bottleneck", tiny_models.BOTTLENECK)
    with torch.no_grad():
        network.tail[0].linear.weight.mul_(1e6)
    stored = packing.halved(network)
    kinds = {name: tensor.dtype for name, tensor in stored.items()}
    assert kinds["tail.0.linear.weight"] == torch.float32  # beyond the range
    assert kinds["quantizer.codebook"] == kinds["mean"] == torch.float32 and kinds["quantizing"] == torch.uint8
    assert kinds["tail.0.linear.bias"] == torch.float16


def test_a_pack_is_not_replaced_unasked(made: Path, exp: Path, program: Program) -> None:
    again = ("utils/make_pack.py", "--recipe", "own", *SETTINGS, exp, made)
    refused = program(*again)
    assert refused.returncode == 3 and f"{made}: is there already\n  hint: --force" in refused.stderr
    replaced = program(*again, "--force")
    assert replaced.returncode == 0 and "MiB in all, of 40 at most" in replaced.stdout, replaced.stderr
    assert not list(made.parent.glob("*.partial"))


def test_other_settings_are_refused(exp: Path, tmp_path: Path, program: Program) -> None:
    refused = program("utils/make_pack.py", "--recipe", "own", exp, tmp_path / "tiny")
    assert refused.returncode == 3 and "bottleneck.codes: 6 in " in refused.stderr and not (tmp_path / "tiny").exists()
    lacking = program("utils/make_pack.py", "--recipe", "own", *SETTINGS, tmp_path, tmp_path / "tiny")
    assert lacking.returncode == 2 and "no such configuration file" in lacking.stderr


def put_pool(pack: Path, exp: Path) -> None:
    shutil.copytree(
        exp / "models/pseudo/pool", pack / "pseudo/pool", ignore=shutil.ignore_patterns("log", "tens*", ".*")
    )


def put_classifier(pack: Path, exp: Path) -> None:
    shutil.copyfile(exp / "models/xvector/model.json", pack / "xvector/model.json")


def put_path(pack: Path, exp: Path) -> None:
    path = pack / packs.CONFIG
    path.write_text(path.read_text().replace("method: praat", "method: /home/anna/method"))


def put_much(pack: Path, exp: Path) -> None:
    save_file({"x": torch.zeros(11 * 2**20)}, pack / "xvector/more.safetensors")


def put_lonely(pack: Path, exp: Path) -> None:
    path = pack / "pseudo/pca_gmm/pseudo.json"
    card = json.loads(path.read_text())
    card["facts"]["f"]["speakers"] = 1
    path.write_text(json.dumps(card))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (put_pool, "pseudo/pool: strategy pool may hold x-vectors of real people"),
        (put_classifier, "xvector: its classifier knows the voices of its training speakers"),
        (put_path, r"config\.yaml: '/home/anna/method' is a path of some machine"),
        (put_much, r"4\d\.\d+ MiB in all, of 40\.00 MiB at most; the largest is xvector/more\.safetensors"),
        (put_lonely, r"a component of the mixture \(f\) stands for 1\.0 speakers, so its mean is somebody's"),
        (lambda pack, exp: (pack / "xvector/events").write_text(""), r"xvector/events: expected files of \.json, \.md"),
    ],
)  # fmt: skip
def test_what_a_pack_may_not_hold(made: Path, exp: Path, spoil: Callable[[Path, Path], object], message: str) -> None:
    spoil(made, exp)
    assert re.search(message, "\n".join(packing.problems(made)))


def test_stored_in_half_precision(made: Path) -> None:
    kinds = {tensor.dtype for tensor in load_file(made / "synthesizer/weights.safetensors").values()}
    assert kinds >= {torch.float16, torch.float32}


def test_resolved_has_what_the_block_says() -> None:
    name = next(path.stem for path in (ROOT / "conf/models").glob("*.yaml"))
    files = [ROOT / "conf/default.yaml", ROOT / f"conf/models/{name}.yaml"]
    recipe = packs.resolved(name)["f0"]
    assert recipe == configuration.section_dict(configuration.merge(files).f0)

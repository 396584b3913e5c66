"""Configuration: layers, unknown keys, wrong types, and that conf/default.yaml tells every key's default."""

from pathlib import Path

import pytest

from pseudovox import config as configuration
from pseudovox.errors import UsageError

ROOT = Path(__file__).resolve().parent.parent
RECIPES = sorted(path.parent.name for path in (ROOT / "recipes").glob("*/recipe.yaml"))


def test_override_wins_and_resolved_file_reads_back(tmp_path: Path) -> None:
    config = configuration.load(None, ["seed=7", "sets.train=[a,b]"])
    assert (config.seed, config.sets.train) == (7, ["a", "b"])
    (tmp_path / "c.yaml").write_text(configuration.to_yaml(config))
    assert configuration.load(tmp_path / "c.yaml") == config


def test_unknown_key_offers_the_nearest() -> None:
    with pytest.raises(UsageError, match=r"unknown key 'data\.foldr'.*'data\.folder'"):
        configuration.load(None, ["data.foldr=x"])


@pytest.mark.parametrize(
    ("override", "message"),
    [("seed=x", "could not be converted to Integer"), ("seed", "expected key=value")],
)
def test_bad_override(override: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        configuration.load(None, [override])


def test_tag_in_yaml_runs_no_code(tmp_path: Path) -> None:
    path = tmp_path / "evil.yaml"
    path.write_text("seed: !!python/object/apply:os.system ['touch pwned']\n")
    with pytest.raises(UsageError, match="not a configuration file"):
        configuration.load(path)


def test_default_yaml_names_every_key_with_the_default_of_the_schema() -> None:
    from omegaconf import OmegaConf

    def names(tree: dict) -> set[str]:
        inner = [names(value) for value in tree.values() if isinstance(value, dict)]
        return set(tree).union(*inner)

    stated = OmegaConf.to_container(OmegaConf.load(ROOT / "conf/default.yaml"))
    schema = OmegaConf.to_container(OmegaConf.structured(configuration.Config))
    assert names(schema) - names(stated) == set()  # type: ignore[arg-type]
    assert configuration.load(ROOT / "conf/default.yaml") == configuration.load()


@pytest.mark.parametrize("recipe", RECIPES)
def test_every_recipe_resolves_with_its_systems_and_sizes(recipe: str) -> None:
    config = configuration.compose(recipe)
    sizes = [path.stem for path in (ROOT / "recipes" / recipe / "size").glob("*.yaml")]
    for system in config.systems:
        for size in ["", *sizes]:
            resolved = configuration.compose(recipe, system, [f"size={size}"])
            assert resolved.system.name == system
    assert (ROOT / "recipes" / recipe / "README.md").is_file()


def test_unknown_recipe_lists_those_there_are() -> None:
    with pytest.raises(UsageError, match=r"there are: .*mini"):
        configuration.compose("minni")

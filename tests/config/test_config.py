"""Configuration: layers, unknown keys, wrong types, and that conf/default.yaml tells every key's default."""

import re
import shutil
from dataclasses import asdict
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from pseudovox import config as configuration
from pseudovox.config import Synthesizer, strict_yaml, validation
from pseudovox.core import checkout
from pseudovox.core.errors import UsageError
from pseudovox.kinds.measurements import MEASUREMENTS, STAGE

ROOT = Path(__file__).resolve().parents[2]
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
    [
        ("seed", "--set seed: expected key=value, e.g."),
        ("=3", "unknown key ''"),
        ("seed=x", "--set seed=x: seed must be a whole number, found 'x'"),
        ("seed=1.5", "must be a whole number, found 1.5"),
        ("seed=", "must be a whole number, found nothing"),
        ("seed=[1]", "must be a whole number, found a list"),
        ("pseudo.pca_size=nan", "must be a number, found 'nan'"),
        ("pseudo.combine_genders=perhaps", "must be true or false, found 'perhaps'"),
        ("sets.train=a", r"sets.train must be a list, \[a, b, ...\], found 'a'"),
        ("xvector.channels=[8, x]", r"xvector.channels\[1\] must be a whole number, found 'x'"),
        ("xvector=3", "xvector is a section; set one of its keys, e.g. --set xvector.kind=..."),
        ("seed.x=3", "unknown key 'seed.x'; the nearest valid key is 'seed'"),
        ("xvector.training.updats=3", "nearest valid key is 'xvector.training.updates'"),
        ("levels.sets={a: {b: c}}", "levels.sets.a must be text, found a section"),
        ("seed=!!python/object/apply:os.system [id]", "tag 'python/object/apply:os.system'.*runs no code"),
        ("sets.train=[a", "not a configuration: expected"),
        ("data.folder=${oc.env:HOME}", r"data.folder holds '\$\{'.*no file reads the environment"),
        ("data.folder=a\nsystems=b", "data.folder holds a line break"),
    ],
)
def test_bad_override(override: str, message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        configuration.load(None, [override])
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    "text", ["/a b/$(touch x); `y` & *", "# 'no' comment", "!x: [", "a=b==", "", "no", "2020-01-01"]
)
def test_text_is_taken_as_it_is(text: str, tmp_path: Path) -> None:
    config = configuration.load(None, [f"data.folder={text}"])
    assert config.data.folder == text
    (tmp_path / "c.yaml").write_text(configuration.to_yaml(config))
    assert configuration.load(tmp_path / "c.yaml") == config


BROKEN = {
    "tag": ("seed: 1\nmodels: !!python/object/apply:os.system ['touch pwned']\n", ":2: tag .*runs no code"),
    "own tag": ("models: !secret x\n", ":1: tag '!secret'"),
    "unknown key": ("seed: 1\nxvector:\n  loss: aam\n  lose: aam\n", ":4: unknown key 'xvector.lose'.*'xvector.loss'"),
    "wrong type": ("xvector:\n  training:\n    updates: many\n", ":3: xvector.training.updates must be a whole number"),
    "text for a list": ("sets:\n  train: a b\n", ":2: sets.train must be a list.*found 'a b'"),
    "no mapping": ("- a\n- b\n", "expected `key: value` lines, found a list"),
    "a word": ("hello\n", "expected `key: value` lines, found a single value, 'hello'"),
    "indentation": ("xvector:\n  loss: aam\n   kind: ecapa\n", ":3: not a configuration: mapping values"),
    "open bracket": ("sets: {train: [a, b}\n", ":1: not a configuration: expected ',' or ']'"),
    "tab": ("xvector:\n\tloss: aam\n", ":2: not a configuration: a tab"),
    "duplicate": ("seed: 1\nsize: smoke\nseed: 2\n", ":3: key 'seed' stands twice, first on line 1"),
    "nested duplicate": ("f0:\n  floor: 1\n  floor: 2\n", ":3: key 'f0.floor' stands twice, first on line 2"),
    "merge key": ("f0:\n  <<: {floor: 1}\n", ":2: a key must be a word"),
    "list as key": ("? [a]\n: 1\n", ":1: a key must be a word"),
    "two documents": ("seed: 1\n---\nseed: 2\n", ":2: not a configuration: .*another document"),
    "interpolation": ("data:\n  folder: ${oc.env:HOME}\n", ":2: data.folder holds"),
    "nothing": ("xvector:\nseed: 1\n", ":1: xvector must be a section of keys, found nothing"),
    "control character": ("models: a\x01b\n", "special characters are not allowed"),
    "deep": ("models: " + "[" * 3000 + "\n", "nested too deeply"),
    "recursive": ("systems: &x [*x]\n", "anchor and its alias"),
    "bomb": (
        "a: &a [x, x]\n"
        + "".join(f"{b}: &{b} [*{a}, *{a}]\n" for a, b in zip("abcdefghij", "bcdefghijk", strict=True)),
        "anchor and its alias",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_broken_file_is_told_with_its_line(case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    text, message = BROKEN[case]
    Path("recipe.yaml").write_text(text)
    with pytest.raises(UsageError, match="(?s)recipe.yaml.*" + message):
        configuration.load(Path("recipe.yaml"))
    assert not Path("pwned").exists()


def test_file_that_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "latin1.yaml").write_bytes("seed: 1\nmodels: caf\xe9\n".encode("latin1"))
    with pytest.raises(UsageError, match=r"latin1.yaml:2: not utf-8 \(byte 0xe9\)\n  hint: iconv"):
        configuration.load(tmp_path / "latin1.yaml")
    (tmp_path / "bom.yaml").write_bytes(b"\xef\xbb\xbfseed: 3\r\n")
    assert configuration.load(tmp_path / "bom.yaml").seed == 3
    (tmp_path / "empty.yaml").write_text("# nothing yet\n")
    assert configuration.load(tmp_path / "empty.yaml") == configuration.load()
    (tmp_path / "large.yaml").write_bytes(b"# " + b"x" * strict_yaml.LARGEST_BYTES)
    for path, message in ((tmp_path / "large.yaml", "no configuration file is that large"), (tmp_path, "no such"),
                          (Path("/dev/zero"), "no such configuration file")):  # fmt: skip
        with pytest.raises(UsageError, match=message):
            configuration.load(path)


DAMAGE = st.sampled_from(
    [*"{}[]:,&*!|>%@`\"'#-? \t\n\0", "  ", "\n  ", "${", "<<: ", "- ", "key: ", "~", "9" * 400, "\ud7ff", "\u2028"]
)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 1), st.integers(0, 12), DAMAGE), min_size=1, max_size=4))
def test_damaged_file_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, damage: list) -> None:
    text = (ROOT / "recipes/mini/recipe.yaml").read_text()
    for place, length, put in damage:
        start = round(place * len(text))
        text = text[:start] + put + text[start + length :]
    path = tmp_path_factory.getbasetemp() / "damaged.yaml"
    path.write_text(text, encoding="utf-8")
    try:
        config = configuration.load(path)
    except UsageError as error:
        assert str(error).startswith(str(path)) and "Traceback" not in str(error)
        return
    assert strict_yaml.parse(configuration.to_yaml(config), "")[0] == asdict(config)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(["data.folder", "models", "levels.sets.x"]), st.text(max_size=30))
def test_any_text_can_be_set_or_is_refused(key: str, text: str) -> None:
    try:
        config = configuration.load(None, [f"{key}={text}"])
    except UsageError:
        assert "${" in text or any(ord(letter) < 32 or ord(letter) == 127 for letter in text)
        return
    assert text in (config.data.folder, config.models, config.levels.sets.get("x"))


@pytest.mark.parametrize("name", ["a/b", "..", "../x", "a b", "", "-x", ".x", "a;b", "$(x)", "a*"])
def test_names_that_become_folders(name: str) -> None:
    for where in ("sets.train", "systems"):
        with pytest.raises(UsageError, match=f"{where}: .* cannot be a name"):
            configuration.compose("mini", None, [f"{where}=[{name!r}]"])
    with pytest.raises(UsageError, match="cannot be a name"):
        configuration.compose("mini", name)
    with pytest.raises(UsageError, match="cannot be a name"):
        configuration.compose(name)
    if name:
        with pytest.raises(UsageError, match="cannot be a name"):
            configuration.compose("mini", None, [f"size={name}"])


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("sets.trials=[a]", "sets.trials: 'a': expected '<enrolment data dir> <trial data dir>'"),
        ("sets.trials=['a ../b']", "sets.trials: '../b' cannot be a name"),
        (
            "data.prepare=['/bin/x.py DATA']",
            "data.prepare: '/bin/x.py': expected a script of the checkout, below local/",
        ),
        ("data.prepare=['']", "data.prepare: an empty command"),
        ("steps.sampel=steps/score_wer.py", "unknown key 'steps.sampel'; the nearest valid key is 'steps.sample'"),
        ("steps.data=local/prepare_mini.py", "stage data runs the commands of data.prepare"),
        (
            "steps.sample=/tmp/x.py",
            "'/tmp/x.py': expected a script of the checkout, below steps/ or recipes/",
        ),
        ("steps.sample=recipes/../../x.py", "expected a script of the checkout"),
        ("steps.sample=pseudovox/core/seeds.py", "expected a script of the checkout"),
        (
            "steps.sample=steps/sample_pseudo.py",
            "no steps/sample_pseudo.py; the nearest is steps/sample_pseudo_sp",
        ),
        ("steps.sample=recipes/README.md", "expected a Python script"),
        ("steps.sample=", "expected a script of the checkout"),
        ("use.models=absent", "no models called 'absent'.*there are: mini"),
        ("size=absent", "recipe mini has no size 'absent'; there are: attack, smoke"),
    ],
)
def test_what_a_recipe_names_must_be_there(setting: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        configuration.compose("mini", None, [setting])


def test_system_replaces_its_own_steps_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in ("conf", "recipes", "steps"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    monkeypatch.setattr(checkout, "ROOT", tmp_path)
    path = tmp_path / "conf/system/other.yaml"
    path.write_text("steps: {sample: steps/score_wer.py}\n")
    assert configuration.compose("mini", "other", ["data.prepare=[]"]).steps == {"sample": "steps/score_wer.py"}
    path.write_text("steps: {embed: steps/score_wer.py}\n")
    with pytest.raises(UsageError, match=r"other.yaml: steps.embed: that step runs once for all systems"):
        configuration.compose("mini", "other", ["data.prepare=[]"])
    with pytest.raises(UsageError, match="a system cannot be called 'original'"):
        configuration.compose("mini", "original")


def test_recipe_builds_on_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in ("conf", "recipes", "local", "steps"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    monkeypatch.setattr(checkout, "ROOT", tmp_path)
    mine = tmp_path / "recipes/mine"
    (mine / "size").mkdir(parents=True)
    (mine / "recipe.yaml").write_text("base: mini\nseed: 5\n")
    mini, own = configuration.compose("mini"), configuration.compose("mine")
    assert own.seed == 5 and own.sets == mini.sets and own.bottleneck == mini.bottleneck
    smoke = configuration.compose("mine", None, ["size=smoke"])
    assert smoke.xvector == configuration.compose("mini", None, ["size=smoke"]).xvector
    (mine / "size/smoke.yaml").write_text("xvector: {embedding: 3}\n")
    both = configuration.compose("mine", None, ["size=smoke"]).xvector
    assert both.embedding == 3 and both.channels == smoke.xvector.channels
    (mine / "system").mkdir()
    (mine / "system/other.yaml").write_text("system: {description: of this recipe}\n")
    assert configuration.compose("mine", "other").system.description == "of this recipe"
    with pytest.raises(UsageError, match=r"no system called 'othr'.*there are: .*other, .*pca_gmm"):
        configuration.compose("mine", "othr")
    with pytest.raises(UsageError, match=r"recipe mine has no size 'tiny'; there are: attack, smoke"):
        configuration.compose("mine", None, ["size=tiny"])
    (mine / "recipe.yaml").write_text("base: minni\n")
    with pytest.raises(UsageError, match=r"no recipe 'minni'"):
        configuration.compose("mine")
    (mine / "recipe.yaml").write_text("base: example_swap\n")
    with pytest.raises(UsageError, match="its base example_swap has a base itself"):
        configuration.compose("mine")


def test_table_of_steps_agrees_with_run_sh() -> None:
    source, family = (ROOT / "run.sh").read_text(), (ROOT / "conf/family/xvector.yaml").read_text()
    for key, (step, stages) in configuration.STEPS.items():
        assert (ROOT / "steps" / f"{step}.py").is_file()
        for stage in stages:
            body = re.search(rf"if stage \d+ {stage} .*?\nfi\n", source, re.DOTALL)
            scores = stage == "asv" and step == "score_trials"  # run_functions.sh: score
            listed = f"stage: {stage}, step: {step}," in family or (stage == STAGE and step in MEASUREMENTS)
            own = f"own_steps {stage}\n" in body[0] and listed if body else False
            assert body and (f"step {step} " in body[0] or own or scores), (key, stage)
    named = {step for step, _ in configuration.STEPS.values()}
    # Others are not to be replaced: judges are independent, and of the attackers' scoring the whole is (asv).
    assert named <= {path.stem for path in (ROOT / "steps").glob("*.py")}


def test_default_yaml_names_every_key_with_the_default_of_the_schema() -> None:
    def names(tree: dict) -> set[str]:
        inner = [names(value) for value in tree.values() if isinstance(value, dict)]
        return set(tree).union(*inner)

    stated, _ = strict_yaml.read(ROOT / "conf/default.yaml")
    assert {key.rpartition(".")[2] for key in validation.keys(configuration.Config)} - names(stated) == set()
    assert configuration.load(ROOT / "conf/default.yaml") == configuration.load()


@pytest.mark.parametrize("recipe", RECIPES)
def test_every_recipe_resolves_with_its_systems_and_sizes(recipe: str) -> None:
    config = configuration.compose(recipe)
    sizes = [path.stem for folder in (f"recipes/{recipe}/size", "conf/size") for path in (ROOT / folder).glob("*.yaml")]
    for system in config.systems:
        for size in ["", *sizes]:
            resolved = configuration.compose(recipe, system, [f"size={size}"])
            assert resolved.system.name == system
    assert (ROOT / "recipes" / recipe / "README.md").is_file()


def test_unknown_recipe_lists_those_there_are() -> None:
    with pytest.raises(UsageError, match=r"there are: .*mini"):
        configuration.compose("minni")


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("f0: {method: harvest}", "f0.method"),
        ("bottleneck: {codes: 12}", "bottleneck.codes"),
        ("xvector: {kind: ecapa}", "xvector.kind"),
        ("use: {attacker: vpc2022}", "attacker.features"),
        ("synthesizer: {channels: 8}", "synthesizer.channels"),
        ("synthesizer: {channels: 8}\nsystem: {synthesizer: other}", ""),
        ("f0: {transform: [], source: utterance}\npseudo: {pca_size: 3}\nsynthesis: {sharpen: 1.0}", ""),
        ("f0: {method: praat}", ""),  # as the recipe has it
    ],
)
def test_a_system_sets_what_is_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, key: str) -> None:
    for folder in ("conf", "steps", "local", "recipes/mini"):
        shutil.copytree(checkout.ROOT / folder, tmp_path / folder)
    monkeypatch.setattr(checkout, "ROOT", tmp_path)
    (tmp_path / "conf/system/other.yaml").write_text(f"{text}\n")
    if not key:
        assert configuration.compose("mini", "other").system.name == "other"
        return
    with pytest.raises(UsageError, match=rf"other\.yaml: {key}.* belongs to a step that runs once") as caught:
        configuration.compose("mini", "other")
    assert "recipes/mini/recipe.yaml" in caught.value.hint
    # Obeyed: with --set for all systems, the system's line changes nothing any more.
    if key == "bottleneck.codes":
        assert configuration.compose("mini", "other", ["bottleneck.codes=12"]).bottleneck.codes == 12


def test_a_system_may_name_a_block_of_its_own() -> None:
    own = configuration.compose("mini", "asrbn")
    assert own.synthesizer.kind == "harmonic_noise" and own.synthesizer.speaker_input == "one-hot"
    assert own.system.synthesizer == "asrbn" and own.xvector.embedding == 256  # the recipe's block is there, too
    assert configuration.compose("mini", "pca_gmm").synthesizer.kind == "world"
    asked = configuration.compose("mini", "asrbn", ["use.synthesizer=hifigan_mini"])
    assert asked.synthesizer.kind == "hifigan" and asked.synthesizer.speaker_input == "one-hot"


@pytest.mark.parametrize("path", sorted((ROOT / "conf/synthesizer").glob("*.yaml")), ids=lambda path: path.stem)
def test_every_synthesizer_can_be_asked_for(path: Path) -> None:
    found = configuration.compose("mini", "resynthesis", [f"use.synthesizer={path.stem}"]).synthesizer
    assert found.kind == path.stem.removesuffix("_mini").removesuffix("_vpc")


def test_what_decides_a_synthesizer_is_its_own_kind_alone(tmp_path: Path) -> None:
    def asked(kind: str, channels: int) -> Synthesizer:
        layer = {"synthesizer": {"kind": kind, "hifigan": {"channels": channels}}}
        (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(layer))
        return configuration.merge([tmp_path / "recipe.yaml"]).synthesizer

    assert asked("world", 64) == asked("world", 128)
    assert asked("hifigan", 64) != asked("hifigan", 128)
    for kind in ("world", "harmonic_noise", "hifigan", "nsf_hifigan"):
        assert {"kind", "speaker_input", "training"} <= asdict(asked(kind, 64)).keys()


def test_a_key_of_another_kind_is_refused_where_it_changes_nothing(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"--set pseudo.averaged=3: pseudo.averaged belongs to another kind than "
                       r"pseudo.strategy pca_gmm, .*nearest key of pca_gmm is pseudo\.\w+"):  # fmt: skip
        configuration.load(None, ["pseudo.averaged=3"])
    assert configuration.load(None, ["pseudo.averaged=3", "pseudo.strategy=pool"]).pseudo.averaged == 3
    for folder in ("conf", "steps", "local", "recipes/mini"):
        shutil.copytree(checkout.ROOT / folder, tmp_path / folder)
    # What the recipe says of other kinds is for its other systems.
    with (tmp_path / "recipes/mini/recipe.yaml").open("a") as recipe:
        recipe.write("\npseudo: {averaged: 3, pca_size: 4}\n")
    (tmp_path / "conf/system/odd.yaml").write_text("system: {base: xvector, stages: [fit]}\npseudo: {averaged: 2}\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checkout, "ROOT", tmp_path)
        assert configuration.compose("mini", "pca_gmm").pseudo.pca_size == 4
        with pytest.raises(UsageError, match=r"odd\.yaml: pseudo\.averaged belongs to another kind"):
            configuration.compose("mini", "odd")

"""What a system runs in which stage, as its family or its own file lists it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from pseudovox import config as configuration
from pseudovox import stage
from pseudovox.config.schema import STAGES_OF_SYSTEMS, Config, SystemStep
from pseudovox.config.systems import anonymized_sets, needed_by, steps_of, words_of
from pseudovox.core import checkout
from pseudovox.core.errors import UsageError

FOLDERS = {"exp": Path("exp/mini"), "data": Path("data/mini"), "models": Path("exp/mini/models")}


def lines(config: Config) -> list[tuple[str, str]]:
    return [(step.stage, " ".join(words_of(config, step, **FOLDERS))) for step in steps_of(config)]


def test_a_member_of_the_family_goes_through_its_stages() -> None:
    found = dict(lines(configuration.compose("mini", "pca_gmm")))
    assert list(found) == ["fit", "sample", "f0", "synthesize"]
    assert found["fit"] == (
        "steps/fit_pseudo_speakers.py --xvectors exp/mini/xvectors --f0 exp/mini/f0 data/mini/train "
        "exp/mini/models/pseudo/pca_gmm"
    )
    assert found["sample"].startswith(
        "steps/sample_pseudo_speakers.py --generator exp/mini/models/pseudo/pca_gmm --xvectors exp/mini/xvectors data/"
    ), "an option without a value is left out"
    assert list(dict(lines(configuration.compose("mini", "resynthesis")))) == ["sample", "f0", "synthesize"]


def test_a_synthesizer_of_its_own_is_trained_and_spoken_with() -> None:
    found = dict(lines(configuration.compose("mini", "asrbn")))
    assert list(found) == ["synthesizer", "sample", "f0", "synthesize"]
    assert found["synthesizer"].endswith("exp/mini/models/synthesizer_asrbn")
    assert all("exp/mini/models/synthesizer_asrbn" in found[name] for name in ("sample", "synthesize"))


def test_a_system_of_one_step_and_a_script_in_the_place_of_a_step() -> None:
    ((name, line),) = lines(configuration.compose("mini", "mcadams"))
    assert name == "synthesize" and line.startswith("steps/anonymize_mcadams.py --suffix mcadams data/")
    assert line.endswith(" data/mini")
    found = dict(lines(configuration.compose("example_swap", "uniform")))
    assert found["sample"].startswith("recipes/example_swap/steps/sample_uniform.py --generator ")


def test_the_attackers_speech_is_anonymized_where_it_is_attacked() -> None:
    config = configuration.compose("mini", "pca_gmm")
    assert anonymized_sets(config)[-1] == "train" and len(set(anonymized_sets(config))) == len(anonymized_sets(config))
    config.system.attacked = False
    assert "train" not in anonymized_sets(config)


def test_a_system_that_lists_steps_of_its_own() -> None:
    config = configuration.compose("mini", "pca_gmm")
    config.system.base, config.system.name = "", "mine"
    config.system.steps = [
        SystemStep("fit", "recipes/mine/steps/store.py", {"k": "4"}, "pool", "MODELS/SYSTEM"),
        SystemStep("synthesize", "recipes/mine/steps/convert.py", {"targets": "MODELS/SYSTEM"}, "anonymized", "DATA"),
    ]
    found = dict(lines(config))
    assert found["fit"] == "recipes/mine/steps/store.py --k 4 data/mini/train exp/mini/models/mine"
    assert found["synthesize"].startswith("recipes/mine/steps/convert.py --targets exp/mini/models/mine data/mini/")


@pytest.mark.parametrize(
    ("system", "message"),
    [
        ("{stages: [fit]}", "of no family"),
        ("{base: xvector, stages: [cook]}", "'cook' is none of those of xvector: fit, sample, f0, synthesize"),
        ("{base: codec}", "no family called 'codec'"),
        ("{steps: [{step: judge}]}", "a step needs `stage` and `step`"),
        ("{steps: [{stage: synthesise, step: judge}]}", "systems have steps of their own in synthesizer, fit, sample"),
        ("{steps: [{stage: fit, step: judge, data: everything}]}", "data: 'everything': expected one of"),
        ("{steps: [{stage: fit, step: judge, when: rain}]}", "'rain' is no key of section system"),
        ("{steps: [{stage: fit, step: nothing}]}", "there is no steps/nothing.py"),
        ("{steps: [{stage: fit, stop: judge}]}", "unknown key"),
    ],
)
def test_what_no_system_can_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, system: str, message: str) -> None:
    for folder in ("conf", "steps", "local", "recipes"):
        (tmp_path / folder).symlink_to(checkout.ROOT / folder)
    (tmp_path / "recipes").unlink()
    (tmp_path / "recipes/mini/system").mkdir(parents=True)
    for name in ("recipe.yaml", "size"):
        (tmp_path / "recipes/mini" / name).symlink_to(checkout.ROOT / "recipes/mini" / name)
    (tmp_path / "recipes/mini/system/mine.yaml").write_text(f"system: {system}\n")
    monkeypatch.setattr(checkout, "ROOT", tmp_path)
    with pytest.raises(UsageError, match=message):
        configuration.compose("mini", "mine")


def test_every_stage_that_may_be_named_is_run() -> None:
    source = (checkout.ROOT / "run.sh").read_text()
    assert tuple(re.findall(r"own_steps (\w+)\n", source)) == STAGES_OF_SYSTEMS


@dataclass
class Nested:
    layer: int = 6


@dataclass
class Options:
    k: int = 4
    features: Nested = field(default_factory=Nested)


def test_a_systems_own_options_have_the_steps_defaults_and_no_unknown_key() -> None:
    config = Config()
    config.system.options = {"features": {"layer": "24"}}
    assert stage.own_options(config, Options) == Options(4, Nested(24))
    config = configuration.load(None, ["system.options.features.layer=12"])
    assert stage.own_options(config, Options) == Options(4, Nested(12))
    config.system.options = {"kk": 8}
    with pytest.raises(UsageError, match="unknown key 'kk'; the nearest valid key is 'k'"):
        stage.own_options(config, Options)


def test_what_its_steps_read_is_made_for_a_system_and_nothing_else() -> None:
    everything = {"xvector", "xvectors", "bottleneck", "content", "f0", "synthesizer"}
    assert needed_by(configuration.compose("mini", "pca_gmm")) == everything
    assert needed_by(configuration.compose("mini", "asrbn")) == everything - {"synthesizer"}, "it has one of its own"
    assert needed_by(configuration.compose("mini", "mcadams")) == set()
    assert needed_by(configuration.compose("openspeech", "knnvc")) == {"f0"}, "its features are Whisper's"
    own = ["system.options.features.kind=bottleneck", "system.options.features.layer=4"]
    assert needed_by(configuration.compose("openspeech", "knnvc", own)) == {"bottleneck", "f0"}
    assert needed_by(configuration.compose("spane", "knnvc")) == set(), "a vocoder speaks, so F0 is not needed"


def test_options_that_a_key_makes_superfluous_are_left_out() -> None:
    world, vocoder = (dict(lines(configuration.compose(recipe, "knnvc"))) for recipe in ("openspeech", "spane"))
    assert "--source-f0 exp/mini/f0" in world["synthesize"] and "--vocoder" not in world["synthesize"]
    assert "--vocoder exp/mini/models/knnvc_vocoder" in vocoder["synthesize"] and "f0" not in vocoder["synthesize"]
    assert list(vocoder) == ["fit", "sample", "synthesize", "synthesizer"], "a further step (also) comes last"

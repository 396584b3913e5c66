"""Hints of models, of pseudo-speakers, of trainings and of what is measured."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from obeying import command_in, obeyed, options_in, program, settings_in, shell

from pseudovox import anonymizer, records, release
from pseudovox import config as configuration
from pseudovox.anonymize import mcadams, pseudo_pitch, pseudo_speakers, strategy, targets
from pseudovox.components import plda, synthesis
from pseudovox.components.recognition import decoding
from pseudovox.config import packs
from pseudovox.core import checkout
from pseudovox.core.npz import read_npz
from pseudovox.data.archive import write_arrays
from pseudovox.data.datadir import DataDir, Origin
from pseudovox.devtools import packing
from pseudovox.evaluation import breakdowns, emotion, emotion_dimensions, informed, judgements, trials
from pseudovox.evaluation.judges import asked, nisqa
from pseudovox.models import pretrained, speechbrain, store
from pseudovox.report import runs
from pseudovox.stage import frame
from pseudovox.training import bottleneck, chunks, codebooks, fit, recognizer, speaker_factors
from pseudovox.training import targets as training_targets

ANONYMIZE, MODELS = "pseudovox/anonymize/", "pseudovox/models/"
SCORING, TRAINING = "pseudovox/evaluation/", "pseudovox/training/"
DRAW = np.random.default_rng(0)


def config(*settings: str) -> configuration.Config:
    return configuration.load(None, list(settings))


def lead_on(attempt: Callable[..., Any], *settings: str) -> Any:
    """A case whose hint is a setting: a try with some settings, and the same with those that the hint names."""
    hint = yield lambda: attempt(config(*settings))
    yield lambda: attempt(config(*settings, *settings_in(hint)))


# ---------------------------------------------------------------------- anonymization
@obeyed(ANONYMIZE + "mcadams.py", "imitates variant 2024")
def variant_that_is_not_imitated() -> Any:
    yield from lead_on(lambda found: mcadams.resolved(found.mcadams), "mcadams.like=vpc2024", "mcadams.variant=2020")


def _quantised(*settings: str, utterances: int = 40) -> Any:
    people = a_pool(6, 6)
    vectors = DRAW.standard_normal((utterances, 16)).astype(np.float32)
    people = replace(people, utterances=vectors, speakers=np.arange(utterances) % 12)
    yield from lead_on(
        lambda found: found.pseudo.load().fit(people, found.pseudo, 1),
        "pseudo.strategy=quantised", "pseudo.updates=10", *settings,
    )  # fmt: skip


@obeyed(ANONYMIZE + "quantised.py", "would tell the source's by what it is not")
def codeword_of_the_other_gender() -> Any:
    yield from _quantised("pseudo.bits=3", "pseudo.cross_gender=true")


@obeyed(ANONYMIZE + "quantised.py", "utterances cannot train a codebook of {} bits")
def codebook_of_a_small_pool() -> Any:
    yield from _quantised(utterances=20)


@obeyed(ANONYMIZE + "quantised.py", "have no order, along which they could be shared")
def codes_without_an_order() -> Any:
    yield from _quantised("pseudo.bits=3", "pseudo.quantizer=vq")


@obeyed(TRAINING + "codebooks.py", "none of the codebooks is a curve")
def codebooks_without_a_curve() -> Any:
    vectors = DRAW.standard_normal((40, 4)).astype(np.float32)
    short = "system.options.training={updates: 10, epochs: 1}"

    def trained(*settings: str) -> Any:
        options = frame.own_options(config("system.options.bits=[2]", short, *settings), codebooks.Options)
        books: dict[Any, Any] = {}
        for kind in options.kinds:
            books |= codebooks.train(codebooks.Job(kind, 1, options, vectors, 1))
        return codebooks.normalised(books, vectors)

    hint = yield lambda: trained("system.options.kinds=[vq_plain]")
    yield lambda: trained(*settings_in(hint))


@obeyed("pseudovox/anonymize/xvector_family.py", "needs the model {}, which is not there{}")
def pack_without_a_model(exp: Path) -> Any:
    shutil.copytree(exp / "models/synthesizer", "aside")
    shutil.rmtree(exp / "models/synthesizer")
    hint = yield lambda: anonymizer.Anonymizer.load("pca_gmm", pack=exp / "models")
    assert options_in(hint)[2:] == ["--system", "pca_gmm", "--stop-stage", "fit"]
    shutil.copytree("aside", exp / "models/synthesizer")  # (test_the_stages_that_mends_name: these stages train it)


def a_pool(women: int, men: int) -> strategy.Pool:
    vectors = DRAW.standard_normal((women + men, 16)).astype(np.float32)
    return strategy.Pool(vectors, ("f",) * women + ("m",) * men, vectors, np.arange(women + men))


def _fitted(people: strategy.Pool) -> Callable[[configuration.Config], Any]:
    return lambda found: found.pseudo.load().fit(people, found.pseudo, 1)


@obeyed(ANONYMIZE + "voice_model.py", "mixtures need {}")
def pool_of_few_speakers() -> Any:
    yield from lead_on(_fitted(a_pool(5, 5)))


@obeyed(ANONYMIZE + "voice_model.py", "mixtures need {}")
def pool_of_one_woman() -> Any:
    yield from lead_on(_fitted(a_pool(1, 4)))


@obeyed(ANONYMIZE + "voice_model.py", "mixtures need {}")
def pool_of_one_woman_and_one_man() -> Any:
    yield from lead_on(_fitted(a_pool(1, 1)))


@obeyed(ANONYMIZE + "pca_gmm.py", "holds nothing that tells genders")
def generator_that_tells_no_genders(tiny_data: DataDir) -> Any:
    people = a_pool(8, 8)
    options = config("pseudo.pca_size=3", "pseudo.gmm_size=1").pseudo
    found = options.load().fit(people, options, 1)
    found.gender = None  # type: ignore[attr-defined]
    yield from _without_genders(found, tiny_data)


@obeyed(ANONYMIZE + "strategy.py", "cannot tell genders")
def strategy_that_tells_no_genders(tiny_data: DataDir) -> Any:
    class Blind(strategy.Strategy):
        name = "blind"

        def draw(self, source: Any, generator: Any) -> np.ndarray:
            return np.zeros(16, np.float32)

    yield from _without_genders(Blind(), tiny_data)


def _without_genders(found: Any, data: DataDir) -> Any:
    table = data.tables.pop("spk2gender")
    vectors = {utterance: np.ones(16, np.float32) for utterance in data.utterances}
    speakers = {speaker: np.ones(16, np.float32) for speaker in data.speakers}
    hint = yield lambda: pseudo_speakers.sample(
        found, None, data, vectors, speakers, config("pseudo.cross_gender=true").pseudo, level="spk", seed=1
    )
    data.tables[hint.split("`")[1]] = table


@obeyed(ANONYMIZE + "pool.py", "pseudo-speakers are to be means of")
def pool_of_few_to_be_averaged() -> Any:
    yield from lead_on(_fitted(a_pool(5, 5)), "pseudo.strategy=pool")


@obeyed(ANONYMIZE + "pool.py", "pseudo-speakers are to be means of")
def pool_of_men_alone_to_be_averaged() -> Any:
    yield from lead_on(_fitted(a_pool(0, 5)), "pseudo.strategy=pool")


@obeyed(ANONYMIZE + "pool.py", "affinity propagation finds no clusters")
def pool_without_clusters(monkeypatch: pytest.MonkeyPatch) -> Any:
    from sklearn.cluster import AffinityPropagation

    class Lost(AffinityPropagation):
        def fit(self, *arguments: Any) -> Any:
            super().fit(*arguments)
            self.labels_ = np.full(len(self.labels_), -1)
            return self

    monkeypatch.setattr("sklearn.cluster.AffinityPropagation", Lost)
    sizes = ("pseudo.candidates=2", "pseudo.averaged=1")
    yield from lead_on(_fitted(a_pool(5, 5)), "pseudo.strategy=pool", "pseudo.proximity=dense", *sizes)


@obeyed(ANONYMIZE + "selection.py", "too few for every setting of pseudo.grid")
def pool_too_small_for_every_setting() -> Any:
    yield from lead_on(_fitted(a_pool(4, 4)), "pseudo.select=true")


@obeyed(ANONYMIZE + "selection.py", "too few for every setting of pseudo.grid")
def pool_too_small_for_any_selection() -> Any:
    yield from lead_on(_fitted(a_pool(2, 2)), "pseudo.select=true")


@obeyed(ANONYMIZE + "pseudo_speakers.py", "no pseudo-speakers ({} is missing)")
def generator_that_was_not_fitted(exp: Path) -> Any:
    yield from _refitted(exp, lambda folder: (folder / "pseudo.json").unlink())


@obeyed(ANONYMIZE + "pseudo_speakers.py", "not the arrays of strategy")
def generator_of_other_arrays(exp: Path) -> Any:
    yield from _refitted(exp, lambda folder: pseudo_speakers.write_npz(folder / "pseudo.npz", {"f.x": np.ones(3)}))


@obeyed(ANONYMIZE + "pseudo_pitch.py", "not a model of pitch")
def generator_of_another_pitch(exp: Path) -> Any:
    yield from _refitted(exp, lambda folder: pseudo_speakers.write_npz(folder / pseudo_pitch.FILE, {"x": np.ones(3)}))


@obeyed("pseudovox/devtools/packing.py", "no pseudo-speakers (pseudo.json is missing)")
def pack_of_a_generator_that_was_not_fitted(exp: Path) -> Any:
    source = exp / "models/pseudo/pca_gmm"
    shutil.copytree(source, "aside")
    (source / "pseudo.json").unlink()
    hint = yield lambda: packing._pack_generator(source, Path("pack/pseudo/pca_gmm"), Path("data"))
    _is_fitted_again(hint)
    shutil.copytree("aside", source, dirs_exist_ok=True)


def _refitted(exp: Path, spoil: Callable[[Path], object]) -> Any:
    folder = exp / "models/pseudo/pca_gmm"
    shutil.copytree(folder, "aside")
    spoil(folder)
    hint = yield lambda: [
        pseudo_speakers.load(folder, config("pseudo.strategy=pca_gmm").pseudo), pseudo_pitch.load(folder)
    ]  # fmt: skip
    _is_fitted_again(hint)
    shutil.copytree("aside", folder, dirs_exist_ok=True)


def _is_fitted_again(hint: str) -> None:
    """The options, which test_the_stages_that_mends_name gives to ./run.sh: they fit the generator again."""
    assert options_in(hint) == ["--system", "pca_gmm", "--stage", "fit", "--stop-stage", "fit", "--force"]


# ---------------------------------------------------------------------- voices of a synthesizer
def a_target(name: str, gender: str) -> targets.Target:
    return targets.Target(name, gender, (5.0, 0.2))


@obeyed(ANONYMIZE + "targets.py", "its training speakers are no targets")
def synthesizer_of_xvectors(exp: Path) -> Any:
    folder = exp / "models/synthesizer"
    hint = yield lambda: targets.read(folder)
    assert config(*settings_in(hint)).synthesizer.speaker_input == "one-hot"
    speakers = [{"id": "a", "gender": "f", "log_f0": [5.0, 0.2]}]
    _edit(folder / "model.json", lambda card: card["facts"].update(speakers=speakers))


@obeyed(ANONYMIZE + "targets.py", "facts.speakers: {}")
def synthesizer_of_malformed_speakers(exp: Path) -> Any:
    folder = exp / "models/synthesizer"
    _edit(folder / "model.json", lambda card: card["facts"].update(speakers=[1]))
    yield lambda: targets.read(folder)
    speakers = [{"id": "a", "gender": "f", "log_f0": [5.0, 0.2]}]
    _edit(folder / "model.json", lambda card: card["facts"].update(speakers=speakers))


def _edit(path: Path, change: Callable[[Any], object]) -> None:
    card = json.loads(path.read_text())
    change(card)
    path.write_text(json.dumps(card))


def _chosen(data: DataDir, *known: targets.Target) -> Callable[[configuration.Config], Any]:
    return lambda found: targets.choose(list(known), data, found.pseudo, level="spk", seed=1)


@obeyed(ANONYMIZE + "targets.py", "needs the table spk2gender")
def targets_by_gender_without_genders(tiny_data: DataDir) -> Any:
    del tiny_data.tables["spk2gender"]
    yield from lead_on(_chosen(tiny_data, a_target("a", "f")), "pseudo.strategy=target", "pseudo.target_gender=same")


@obeyed(ANONYMIZE + "targets.py", "can be the target of {}{}")
def no_target_of_a_gender(tiny_data: DataDir) -> Any:
    yield from lead_on(_chosen(tiny_data, a_target("a", "f")), "pseudo.strategy=target", "pseudo.target_gender=same")


@obeyed(ANONYMIZE + "targets.py", "can be the target of {}{}")
def no_target_but_the_speaker(tiny_data: DataDir) -> Any:
    hint = yield lambda: _chosen(tiny_data, a_target("f1", "f"))(config("pseudo.strategy=target"))
    assert "--set" not in hint
    yield lambda: _chosen(tiny_data, a_target("f1", "f"), a_target("a", "f"))(config("pseudo.strategy=target"))


@obeyed("pseudovox/components/synthesis.py", "speaks with the voices of its training speakers alone")
def voices_that_are_no_training_speakers(tmp_path: Path) -> Any:
    hint = yield lambda: synthesis.voice_table(Path("pseudo"), one_hot=True)
    assert config(settings_in(hint)[0]).pseudo.gives == "targets"
    assert config(settings_in(hint)[1]).synthesizer.speaker_input == "xvector"
    yield lambda: synthesis.voice_table(Path("pseudo"))


# ---------------------------------------------------------------------- model dirs
def _remade(fragment: str, spoil: Callable[[Path], object], module: str = MODELS + "store.py") -> None:
    """A model dir that is spoilt, and then made again."""

    def play(exp: Path) -> Any:
        folder = exp / "models/synthesizer"
        shutil.copytree(folder, "aside")
        spoil(folder)
        hint = yield lambda: store.load(folder, *store.synthesizers())
        assert hint == store.REDO
        shutil.rmtree(folder)
        shutil.copytree("aside", folder)

    obeyed(module, fragment, f"model dir: {fragment}")(play)


def _weights(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    from safetensors.torch import load, save_file

    found = load((folder / "weights.safetensors").read_bytes())
    change(found)
    save_file(found, folder / "weights.safetensors")


def _first(found: dict[str, Any], change: Callable[[Any], Any]) -> None:
    name = min(found)
    found[name] = change(found[name])


_remade("{}: not a model card: {}", lambda folder: (folder / "model.json").write_text("{"))
_remade("is missing or of the wrong type", lambda folder: _edit(folder / "model.json", lambda card: card.pop("facts")))
_remade(
    "no network has these hyperparameters",
    lambda folder: _edit(folder / "model.json", lambda card: card["hyperparameters"].update(channels="many")),
)
_remade("no such file, but there is a model.json", lambda folder: (folder / "weights.safetensors").unlink())
_remade("cannot be read as safetensors", lambda folder: (folder / "weights.safetensors").write_bytes(b"x"))
_remade("{} missing, {} unknown", lambda folder: _weights(folder, lambda found: found.pop(min(found))))
_remade("has shape {}, expected {}", lambda folder: _weights(folder, lambda found: _first(found, lambda one: one[:0])))
_remade(
    "{}: {} holds {}, expected {}", lambda folder: _weights(folder, lambda found: _first(found, lambda one: one.int()))
)
_remade(
    "holds NaN or infinite values",
    lambda folder: _weights(folder, lambda found: _first(found, lambda one: one * float("nan"))),
)


@obeyed(MODELS + "store.py", "no model here")
def folder_without_a_model(exp: Path) -> Any:
    yield lambda: store.read_card(Path("exp"), "bottleneck")
    yield lambda: store.read_card(exp / "models/bottleneck", *store.content_extractors())


@obeyed(MODELS + "store.py", "a model of kind {}, expected {}")
def model_of_another_kind(exp: Path) -> Any:
    yield lambda: store.read_card(exp / "models/xvector", *store.content_extractors())
    yield lambda: store.read_card(exp / "models/bottleneck", *store.content_extractors())


@obeyed(MODELS + "store.py", "a pickle (a checkpoint of PyTorch)")
def weights_that_are_a_pickle(exp: Path) -> Any:
    import torch
    from safetensors.torch import load, save_file

    file = exp / "models/synthesizer/weights.safetensors"
    torch.save(load(file.read_bytes()), file)
    hint = yield lambda: store.load(exp / "models/synthesizer", *store.synthesizers())
    weights = torch.load(file, weights_only=True, mmap=False)
    eval(hint.split(": ")[1], {"safetensors": SimpleNamespace(torch=SimpleNamespace(save_file=save_file)),
                               "weights": weights, "file": file})  # fmt: skip


def _npz(fragment: str, array: np.ndarray) -> None:
    def play(tmp_path: Path) -> Any:
        np.savez("x.npz", a=array)
        yield lambda: read_npz(Path("x.npz"), "make it again")
        np.savez("x.npz", a=np.ones(3))

    obeyed("pseudovox/core/npz.py", fragment, f"npz: {fragment}")(play)


_npz("a pickle, which could run code", np.array([{}], dtype=object))
_npz("holds {}, expected numbers", np.array(["words"]))
_npz("holds NaN or infinite values", np.array([np.nan]))


@obeyed("pseudovox/core/npz.py", "{}: cannot be read: {}")
def npz_that_is_none(tmp_path: Path) -> Any:
    np.savez("x.npz", a=np.ones(999))
    Path("x.npz").write_bytes(Path("x.npz").read_bytes()[:500])
    yield lambda: read_npz(Path("x.npz"), "make it again")
    np.savez("x.npz", a=np.ones(3))


@obeyed("pseudovox/components/plda.py", "no such file, but there is a model.json")
def plda_without_arrays(tmp_path: Path) -> Any:
    _save_plda()
    (Path("plda") / plda.FILE).unlink()
    hint = yield lambda: plda.load(Path("plda"))
    assert command_in(hint).startswith("steps/train_plda.py")
    _save_plda()


@obeyed("pseudovox/components/plda.py", "not a PLDA")
def plda_of_other_arrays(tmp_path: Path) -> Any:
    _save_plda()
    np.savez(Path("plda") / plda.FILE, x=np.ones(3))
    yield lambda: plda.load(Path("plda"))
    _save_plda()


def _save_plda() -> None:
    Path("plda").mkdir(exist_ok=True)
    vectors, names = DRAW.standard_normal((12, 3)), [f"s{number // 3}" for number in range(12)]
    plda.save(Path("plda"), plda.Plda.fit(vectors, names, lda_dimension=0, smoothing=0.1)[0], {})


def _card(**features: Any) -> dict[str, Any]:
    own = {"kind": "speechbrain", "low": 0.0, "high": 8000.0, "window": 100_000, "speech_only": False}
    return {"facts": {"features": {**own, **features}}, "hyperparameters": {"loss": "aam"}}


@obeyed(MODELS + "speechbrain.py", "are not SpeechBrain's")
def model_of_features_that_are_not_speechbrains() -> Any:
    hint = yield lambda: speechbrain.check_exportable(_card(kind="fbank"), Path("model"))
    file = hint.split(" of ")[1]
    features = configuration.merge([checkout.ROOT / "conf/default.yaml", checkout.ROOT / file]).attacker.features
    card = {"facts": {"features": asdict(features)}, "hyperparameters": {"loss": "aam"}}
    yield lambda: speechbrain.check_exportable(card, Path("model"))


@obeyed(MODELS + "speechbrain.py", "is that of loss aam")
def model_of_another_loss() -> Any:
    card = _card()
    card["hyperparameters"]["loss"] = "softmax"
    hint = yield lambda: speechbrain.check_exportable(card, Path("model"))
    card["hyperparameters"]["loss"] = hint.split()[-1].rpartition("=")[2]


# ---------------------------------------------------------------------- packs and weights of others
@obeyed("pseudovox/config/packs.py", "neither a folder nor one of pretrained/")
def pack_that_is_none(exp: Path) -> Any:
    yield lambda: packs.find("nowhere")
    yield lambda: packs.find(exp / "models")


@obeyed("pseudovox/config/packs.py", "which says how its models are used")
def pack_without_a_configuration(exp: Path) -> Any:
    shutil.copytree(exp / "models", "models")
    yield lambda: packs.config_of(Path("models"), "resynthesis")
    yield lambda: packs.config_of(exp / "models", "resynthesis")


@obeyed("pseudovox/devtools/packing.py", "the models were made with other settings than the recipe has")
def pack_of_other_settings(exp: Path) -> Any:
    def made(*settings: str) -> None:
        packing._check_settings(exp / "config.yaml", packs.resolved("own", settings), "own")

    yield made
    yield lambda: made("bottleneck.codes=6", "pseudo.pca_size=3", "pseudo.gmm_size=1")


@obeyed("pseudovox/models/pretrained.py", "and nothing is downloaded here")
def weights_that_are_not_there(bundle: str) -> Any:
    import torch

    hint = yield lambda: pretrained.read_weights(bundle, "", "emotion.weights")
    torch.save({"a": torch.ones(2)}, "FILE")
    given = config(*settings_in(hint)).emotion.weights
    yield lambda: pretrained.read_weights(bundle, given, "emotion.weights")


def _damaged_weights(fragment: str, damage: Callable[[Path], object]) -> None:
    def play(bundle: str) -> Any:
        file = pretrained.cache_file(bundle)
        file.parent.mkdir(parents=True)
        damage(file)
        hint = yield lambda: pretrained.read_weights(bundle)
        shell(command_in(hint).partition(" && ")[0])
        assert hint.partition(" && ")[2] == pretrained.fetch_command(bundle)  # (which leaves what is there as it is)

    obeyed("pseudovox/models/pretrained.py", fragment, f"weights: {fragment}")(play)


def _save_list(file: Path) -> None:
    import torch

    torch.save([1], file)


_damaged_weights("cannot be read as weights", lambda file: file.write_bytes(b"x"))
_damaged_weights("holds something else than weights by name", _save_list)


@obeyed("pseudovox/evaluation/judges/nisqa.py", "no weights of NISQA 2.0")
def damaged_weights_of_a_judge(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    pytest.importorskip("librosa")
    monkeypatch.setenv("HOME", str(tmp_path))
    file = pretrained.cache_file("NISQA")
    file.parent.mkdir(parents=True)
    file.write_bytes(b"x")
    hint = yield nisqa.Judge
    shell(command_in(hint).partition(" && ")[0])
    assert not file.exists() and hint.partition(" && ")[2] == pretrained.fetch_command("NISQA")


@obeyed("pseudovox/evaluation/judges/__init__.py", "would both be called")
def judges_of_one_name() -> Any:
    yield lambda: asked(config("judges.whisper=[/a/small, /b/small]").judges)
    yield lambda: asked(config("judges.whisper=[/a/small, /b/smaller]").judges)


# ---------------------------------------------------------------------- release
@obeyed("pseudovox/release.py", "so it has no format")
def segment_to_be_published(tiny_data: DataDir) -> Any:
    tiny_data.tables["segments"] = {one: f"{one} 0 0.4" for one in tiny_data.utterances}

    def form(found: configuration.Config) -> None:
        if found.publish.format == "original":
            release.form_of(tiny_data, "f1-0")

    yield from lead_on(form, "publish.format=original")


@obeyed("pseudovox/release.py", "has no utt2path")
def data_dir_that_knows_no_paths(tiny_data: DataDir) -> Any:
    hint = yield lambda: release.original_paths(tiny_data)
    shell(f"{command_in(hint, 'local/').split()[0]} --nj 1 wav made")
    yield lambda: release.original_paths(DataDir.load("made/recordings"))


@obeyed("pseudovox/release.py", "it can be guessed, and with it who got which voice")
def seed_of_a_release_that_can_be_guessed() -> Any:
    yield from lead_on(lambda found: release.check_seed(1, found.publish))


# ---------------------------------------------------------------------- reports
@obeyed("pseudovox/records.py", "not a file of results")
def results_that_are_none(tmp_path: Path) -> Any:
    Path("exp/wer").mkdir(parents=True)
    Path("exp/wer/results.json").write_text("[]")
    hint = yield lambda: records.read_records(Path("exp/wer/results.json"))
    shell(command_in(hint))
    assert not Path("exp/wer").exists()


@obeyed("pseudovox/report/runs.py", "the runs have no figure in common")
def runs_without_a_common_figure() -> Any:
    one, other = (records.Record(metric, 1.0, set="test") for metric in ("wer", "eer"))
    yield lambda: runs.mean_over_runs([[one], [other]])
    yield lambda: runs.mean_over_runs([[one], [one]])


# ---------------------------------------------------------------------- scoring
@obeyed(SCORING + "breakdowns.py", "no line for {}, which a trial names")
def table_that_lacks_a_speaker(tiny_data: DataDir) -> Any:
    tiny_data.tables["spk2age"] = {"f1": "20"}
    yield lambda: breakdowns._looked_up("spk2age", tiny_data, ["f1", "m1"])
    tiny_data.tables["spk2age"]["m1"] = "20"


@obeyed(SCORING + "emotion.py", "no utterance has one of the emotions")
def emotions_that_nobody_shows(tiny_data: DataDir) -> Any:
    tiny_data.tables["utt2emo"] = dict.fromkeys(tiny_data.utterances, "calm")
    Path("features/prosody/tiny").mkdir(parents=True)
    write_arrays(
        Path("features/prosody/tiny"), emotion.ARRAYS["prosody"], {one: np.ones(3) for one in tiny_data.utterances}
    )
    yield from lead_on(
        lambda found: emotion.read_corpus([tiny_data], {}, Path("features"), found.emotion),
        "emotion.classes={sad: sad}",
    )


@obeyed(SCORING + "emotion_dimensions.py", "fewer than two of the labels")
def emotions_without_a_position() -> Any:
    def attempt(found: configuration.Config) -> None:
        speech = emotion_dimensions.Speech(["a", "b"], ["x", "y"], ["", ""], ["s", "s"], ["bored"] * 2, np.ones((2, 1)))
        if "regression" in found.emotion.dimensions:
            emotion_dimensions.train(speech, {"x": "1", "y": "2"}, 1.0)

    yield from lead_on(attempt, "emotion.dimensions=[regression]")


@obeyed(SCORING + "emotion.py", "only speakers of fold {} show")
def emotion_of_one_fold() -> Any:
    labels, speakers = ["a", "b", "a", "b", "a", "b", "c"], ["x", "x", "y", "y", "z", "z", "z"]

    def train(*kept: int) -> None:
        own = [[column[place] for place in kept] for column in (labels, speakers)]
        corpus = emotion.Corpus(
            [str(place) for place in kept], DRAW.standard_normal((len(kept), 3)), own[0], own[1],
            [""] * len(kept), ["test"] * len(kept),
        )  # fmt: skip
        emotion.train(corpus, {"x": "1", "y": "2", "z": "3"}, config().emotion)

    yield lambda: train(*range(7))
    yield lambda: train(*range(6))  # without the class


@obeyed(SCORING + "informed.py", "learns from four or more")
def informed_attacker_of_few_speakers() -> Any:
    yield from _informed([f"s{number // 3}" for number in range(9)])


@obeyed(SCORING + "informed.py", "no two speakers of a gender with two utterances")
def informed_attacker_of_single_utterances() -> Any:
    yield from _informed([f"s{number}" for number in range(12)])


def _informed(speakers: list[str]) -> Any:
    def learn(found: configuration.Config, own: list[str]) -> None:
        if found.attacks.informed:
            names = [str(place) for place in range(len(own))]
            vectors = DRAW.standard_normal((2, len(own), 4))
            informed.fit(vectors[0], vectors[1], names, own, dict.fromkeys(own, "f"), seed=1)

    asked_for = "attacks.informed=true"
    hint = yield lambda: learn(config(asked_for), speakers)
    learn(config(asked_for), [f"s{number // 4}" for number in range(32)])  # more speech
    yield lambda: learn(config(asked_for, *settings_in(hint)), speakers)


@obeyed(SCORING + "judgements.py", "of the data dirs enrol its {} speakers")
def trials_without_their_enrolment(tiny_data: DataDir) -> Any:
    tiny_data.lists["trials"] = ["f1 f1-0 target", "m1 f1-0 nontarget"]
    enrolment = tiny_data.subset(tiny_data.utterances)
    enrolment.lists = {"enrolls": ["f1-0", "m1-0"]}
    data = [tiny_data]
    yield lambda: judgements.enrolment_for(tiny_data, data)
    data.append(enrolment)


@obeyed("pseudovox/components/plda.py", "so nothing can be learnt of how a voice varies")
def plda_of_single_utterances() -> Any:
    def learn(found: configuration.Config) -> None:
        if found.scoring.voices:
            plda.Plda.fit(DRAW.standard_normal((6, 3)), list("abcdef"), lda_dimension=0, smoothing=0.1)

    yield from lead_on(learn)


@obeyed("pseudovox/components/plda.py", "do not vary within speakers in {}")
def plda_of_few_utterances() -> Any:
    vectors, names = DRAW.standard_normal((12, 50)), [f"s{number // 3}" for number in range(12)]
    yield from lead_on(
        lambda found: plda.Plda.fit(vectors, names, lda_dimension=2, smoothing=found.scoring.plda_smoothing),
        "scoring.plda_smoothing=0",
    )


@obeyed("pseudovox/components/recognition/decoding.py", "has no words ({})")
def recogniser_without_words(tmp_path: Path) -> Any:
    Path("asr").mkdir()
    Path("asr/model.json").write_text('{"kind": "recognizer", "hyperparameters": {}, "facts": {"units": ["a"]}}')
    yield from lead_on(lambda found: decoding.vocabulary(Path("asr"), found.decoder))


@obeyed(SCORING + "trials.py", "both give the figures of set")
def trial_lists_of_one_set(tiny_data: DataDir) -> Any:
    other = tiny_data.subset(tiny_data.utterances)
    other.path, tiny_data.own_origin, other.own_origin = Path("b"), Origin("a", "x"), Origin("b", "x")
    for part in (tiny_data, other):
        part.lists["trials"] = ["f1 f1-0 target"]
    yield lambda: trials.check_apart([tiny_data, other])
    other.own_origin = Origin("b", "y")


# ---------------------------------------------------------------------- trainings
@obeyed(TRAINING + "bottleneck.py", "codes have no offsets to be taken off")
def speaker_factors_of_codes() -> Any:
    asked_for = ("bottleneck.codes=6", "bottleneck.speaker_factors=3")
    hint = yield lambda: bottleneck.check(config(*asked_for).bottleneck)
    one, other = settings_in(hint)
    bottleneck.check(config(*asked_for, one).bottleneck)
    yield lambda: bottleneck.check(config(*asked_for, other).bottleneck)


@obeyed(TRAINING + "bottleneck.py", "compares two alterations of a chunk")
def consistency_without_alterations() -> Any:
    asked_for = "bottleneck.consistency_weight=1"
    hint = yield lambda: bottleneck.check(config(asked_for).bottleneck)
    without, altered = settings_in(hint)
    bottleneck.check(config(asked_for, without).bottleneck)
    yield lambda: bottleneck.check(config(asked_for, altered).bottleneck)


@obeyed(TRAINING + "chunks.py", "none can be held out for validation")
def speakers_too_few_to_be_held_out(tiny_data: DataDir) -> Any:
    def hold_out(found: configuration.Config) -> None:
        chunks._speakers_apart(tiny_data.speakers, tiny_data.spk2gender, found.xvector, 1, "data/tiny")

    asked_for = "xvector.validation=speakers"
    hint = yield lambda: hold_out(config(asked_for))
    named = [setting.replace("<section>", "xvector") for setting in settings_in(hint)]
    yield lambda: hold_out(config(asked_for, *named))


@obeyed(TRAINING + "fit.py", "there is nothing held out to validate on")
def training_with_nothing_to_judge_by(tmp_path: Path) -> Any:
    import torch

    class Line(fit.Learner):
        def loss(self, batch: Any, stage: str) -> torch.Tensor:
            return (self.network.weight.sum() - batch).abs().sum()

    one = SimpleNamespace(batch=lambda index: torch.ones(1), validation=list)

    def train(**changes: Any) -> None:
        options = replace(config().xvector.training, updates=2, round_updates=1, threads=1, **changes)
        fit.fit(Line(torch.nn.Linear(1, 1), options, 1), one, Path("out"), device="cpu")

    hint = yield lambda: train(keep="best", patience=1)
    named = [setting.replace("<training>", "xvector.training") for setting in settings_in(hint)]
    own = config(*named).xvector.training
    yield lambda: train(keep=own.keep, patience=own.patience)


@obeyed(TRAINING + "fit.py", "of speaker models alone")
def epochs_of_a_model_that_has_none() -> Any:
    hint = yield lambda: fit._check(config("synthesizer.training.epochs=3").synthesizer.training)
    named = [setting.replace("<section>", "synthesizer") for setting in settings_in(hint)]
    settings = ["synthesizer.training.epochs=3", *named, "synthesizer.training.updates=10"]
    yield lambda: fit._check(config(*settings).synthesizer.training)


@obeyed(TRAINING + "fit.py", "and --device {} names one")
def devices_of_which_one_is_named() -> Any:
    hint = yield lambda: fit._devices("cuda:0", 2)
    yield lambda: fit._devices(options_in(hint)[1], 2)


@obeyed(TRAINING + "recognizer.py", "which stands for the word boundary")
def text_with_the_word_boundary() -> Any:
    yield lambda: recognizer.unit_inventory([f"A {recognizer.BOUNDARY}B"])
    yield lambda: recognizer.unit_inventory(["A B"])


@obeyed(TRAINING + "speaker_factors.py", "too few for {} speaker factors")
def more_speaker_factors_than_speakers() -> Any:
    yield from lead_on(
        lambda found: speaker_factors.check_speakers(4, found.bottleneck.speaker_factors),
        "bottleneck.speaker_factors=9",
    )


@obeyed(TRAINING + "targets.py", "{}: no {}/{} for {}")
def pseudo_vectors_that_are_elsewhere(tiny_data: DataDir) -> Any:
    Path("pseudo/original").mkdir(parents=True)
    write_arrays(Path("pseudo/original"), "pseudo_xvector", {"f1-0": np.ones(3)})
    hint = yield lambda: training_targets.vectors_of(DataDir.load("data/tiny"), Path("pseudo"))
    origin = hint.split("say in ")[1].split()[0]
    Path(origin).write_text("source original\nset tiny\nsystem other\n")


@obeyed(TRAINING + "targets.py", "utterances have no target in")
def utterances_without_a_target(tiny_data: DataDir) -> Any:
    tiny_data.tables["utt2target"] = {"f1-0": "a"}
    yield from lead_on(
        lambda found: training_targets.target_labels([tiny_data], found.attacker.targets, None, 1),
        "attacker.targets.labels=table",
    )


# ---------------------------------------------------------------------- steps
def _step(*words: object) -> Any:
    """A case whose hint is an option or a setting for the step."""
    hint = yield lambda: program(*words)
    yield lambda: program(words[0], *options_in(hint), *words[1:])


@obeyed("steps/compare_runs.py", "one run: a comparison needs two or more")
def comparison_of_one_run(tmp_path: Path) -> Any:
    hint = yield lambda: program("steps/compare_runs.py", "exp/a", "out")
    yield lambda: program(*hint.split())


@obeyed("steps/compare_runs.py", "a run is given twice")
def comparison_of_a_run_with_itself(tmp_path: Path) -> Any:
    for name in ("a", "b"):
        Path(f"exp/{name}/report").mkdir(parents=True)
        program("steps/write_report.py", f"exp/{name}", f"exp/{name}/report")
    yield lambda: program("steps/compare_runs.py", "exp/a", "exp/a", "out")
    yield lambda: program("steps/compare_runs.py", "exp/a", "exp/b", "out")


@obeyed("steps/extract_teacher.py", "there is no teacher to run")
def teacher_that_is_not_named(tiny_data: DataDir) -> Any:
    yield from _step("steps/extract_teacher.py", "data/tiny", "out")


@obeyed("steps/measure_speed.py", "expected seconds, 0.5 or more, each once")
def durations_that_are_none(exp: Path, tiny_data: DataDir) -> Any:
    models = [word for name in ("xvector", "bottleneck", "synthesizer") for word in (f"--{name}", f"nowhere/{name}")]
    yield from _step("steps/measure_speed.py", "--system", "pca_gmm", *models, "data/tiny", "out")


@obeyed("steps/score_trials.py", "and no PLDA is given")
def plda_that_is_not_given(tiny_data: DataDir) -> Any:
    words = ("--attacker", "ignorant", "--xvectors", "none", "--set", "scoring.backend=plda")
    hint = yield lambda: program("steps/score_trials.py", *words, "data/tiny", "data/tiny", "out")
    option = options_in(hint)
    yield lambda: program("steps/score_trials.py", *words, *option[:2], "data/tiny", "data/tiny", "out")


@obeyed("steps/score_trials.py", "no embeddings of the attacker's speech are given")
def centre_that_is_not_given(tiny_data: DataDir) -> Any:
    words = ("--attacker", "ignorant", "--xvectors", "none", "--set", "scoring.backend=cosine_centred")
    hint = yield lambda: program("steps/score_trials.py", *words, "data/tiny", "data/tiny", "out")
    option = options_in(hint)
    yield lambda: program("steps/score_trials.py", *words, *option[:2], "data/tiny", "data/tiny", "out")


@obeyed("steps/train_recognizer.py", "recognizer.kind {}: {} --initial")
def model_to_fine_tune_that_is_not_fine_tuned(tiny_data: DataDir) -> Any:
    yield from _step("steps/train_recognizer.py", "--initial", "none", "data/tiny", "out")


@obeyed("steps/transform_f0.py", "shift needs the pseudo-speakers")
def shift_without_pseudo_speakers(tiny_data: DataDir) -> Any:
    program("steps/extract_f0.py", "--nj", 1, "data/tiny", "f0")
    hint = yield lambda: program("steps/transform_f0.py", "--f0", "f0", "data/tiny", "out")
    option, folder = options_in(hint)
    yield lambda: program("steps/transform_f0.py", "--f0", "f0", option, folder, "data/tiny", "out")


@obeyed("steps/transform_f0.py", "no phones of {} of {} utterances")
def phones_that_are_not_there(tiny_data: DataDir) -> Any:
    program("steps/extract_f0.py", "--nj", 1, "data/tiny", "f0")
    words = ("--f0", "f0", "data/tiny", "out")
    yield lambda: program("steps/transform_f0.py", "--set", "f0.transform=[phones]", *words)
    yield lambda: program("steps/transform_f0.py", "--nj", 1, "--set", "f0.transform=[]", *words)


@obeyed("steps/transform_f0.py", "no pseudo-speakers here")
def pseudo_speakers_that_were_not_sampled(tiny_data: DataDir) -> Any:
    program("steps/extract_f0.py", "--nj", 1, "data/tiny", "f0")
    words = ("--nj", 1, "--f0", "f0", "--pseudo", "pseudo", "data/tiny", "out")
    hint = yield lambda: program("steps/transform_f0.py", *words)
    assert options_in(hint) == ["--stage", "sample"]  # (test_the_stages_that_mends_name: it samples them)
    Path("pseudo/tiny").mkdir(parents=True)


@obeyed("steps/undo_mcadams.py", "utterances are not in")
def originals_in_another_order(tiny_data: DataDir) -> Any:
    for name, kept in (("a", tiny_data.utterances[:4]), ("b", tiny_data.utterances[4:])):
        tiny_data.subset(kept).write(Path(f"data/{name}"))
    step = ("steps/undo_mcadams.py", "--nj", 1)
    yield lambda: program(*step, "--original", "data/b", "--original", "data/a", "data/a", "data/b", "out")
    yield lambda: program(*step, "--original", "data/a", "--original", "data/b", "data/a", "data/b", "out")


@obeyed("steps/write_report.py", "no such experiment dir")
def report_of_nothing(exp: Path) -> Any:
    yield lambda: program("steps/write_report.py", "nowhere", "report")
    yield lambda: program("steps/write_report.py", exp, "report")


@obeyed("steps/plot_diversity.py", "no two speakers of one gender to compare")
def diversity_of_one_voice_a_gender(tiny_data: DataDir) -> Any:
    vectors = {speaker: DRAW.standard_normal(8).astype(np.float32) for speaker in tiny_data.speakers}
    for name, kept in (("two", ["f1", "m1"]), ("tiny", tiny_data.speakers)):
        tiny_data.subset([one for one in tiny_data.utterances if tiny_data.utt2spk[one] in kept]).write(
            Path("data") / name
        )
        (Path("xvectors") / name).mkdir(parents=True)
        write_arrays(Path("xvectors") / name, "spk_xvector", {speaker: vectors[speaker] for speaker in kept})
    step = ("steps/plot_diversity.py", "--xvectors", "xvectors")
    yield lambda: program(*step, "data/two", "out")
    yield lambda: program(*step, "data/two", "data/tiny", "out")


# ---------------------------------------------------------------------- programs of utils/
@obeyed("utils/get_utt2dur.py", "holds no samples")
def utterance_without_samples(tiny_data: DataDir) -> Any:
    import soundfile

    soundfile.write("wav/f1-0.wav", np.zeros(0), 16000)
    Path("data/tiny/utt2dur").unlink()
    yield lambda: program("utils/get_utt2dur.py", "--read-entire-file", "true", "data/tiny")
    tiny_data.subset(tiny_data.utterances[1:]).write(Path("data/tiny"))


@obeyed("utils/make_pack.py", "is there already")
def pack_that_is_there(exp: Path) -> Any:
    Path("pack").mkdir()
    yield lambda: program("utils/make_pack.py", exp, "pack")
    yield lambda: program("utils/make_pack.py", "--recipe", "own", exp, "other")


@obeyed("utils/make_pack.py", "is there already")
def pack_that_is_there_and_a_pack(exp: Path) -> Any:
    Path("pack").mkdir()
    (Path("pack") / packs.EXPECTED).write_text("{}")
    hint = yield lambda: program("utils/make_pack.py", exp, "pack")
    yield lambda: program("utils/make_pack.py", options_in(hint)[0], "--recipe", "own", exp, "pack")


@obeyed("utils/subset_data_dir.py", "utterances, not {}")
def subset_of_more_than_there_is(tiny_data: DataDir) -> Any:
    hint = yield lambda: program("utils/subset_data_dir.py", "data/tiny", 13, "new")
    yield lambda: program("utils/subset_data_dir.py", "data/tiny", hint.split()[-1], "new")


@obeyed("utils/perturb_data_dir_speed.py", "holds audio of an earlier run without --allow-pipes")
def perturbed_audio_of_an_earlier_run(tiny_data: DataDir) -> Any:
    program("utils/perturb_data_dir_speed.py", "1.1", "data/tiny", "fast")
    yield lambda: program("utils/perturb_data_dir_speed.py", "--allow-pipes", "1.1", "data/tiny", "fast")
    yield lambda: program("utils/perturb_data_dir_speed.py", "--allow-pipes", "1.1", "data/tiny", "other")


@obeyed("pseudovox/data/datadir/selection.py", "speakers cannot be split into")
def split_into_more_parts_than_speakers(tiny_data: DataDir) -> Any:
    hint = yield lambda: program("utils/split_data.py", "data/tiny", 4)
    program("utils/split_data.py", "data/tiny", 3)
    yield lambda: program("utils/split_data.py", options_in(hint)[0], "data/tiny", 4)


@obeyed("pseudovox/data/datadir/selection.py", "utterances cannot be split into")
def split_into_more_parts_than_utterances(tiny_data: DataDir) -> Any:
    yield lambda: program("utils/split_data.py", "--per-utt", "data/tiny", 13)
    yield lambda: program("utils/split_data.py", "--per-utt", "data/tiny", 12)


@obeyed("pseudovox/data/datadir/directory.py", "is {} here and {} in {}/{}")
def data_dirs_that_contradict_each_other(tiny_data: DataDir) -> Any:
    tiny_data.tables["text"]["f1-0"] = "other words"
    tiny_data.write(Path("data/other"))
    hint = yield lambda: program("utils/combine_data.py", "new", "data/tiny", "data/other")
    shell(command_in(hint).replace("DIR", "data/other").replace("NEW", "data/prefixed"))
    yield lambda: program("utils/combine_data.py", "new", "data/tiny", "data/prefixed")


@obeyed("pseudovox/devtools/stepcheck/rehearsal.py", "are to be given for stage data, and for no other")
def arguments_of_a_step_that_takes_none(tmp_path: Path) -> Any:
    from pseudovox.devtools.stepcheck.rehearsal import Rehearsal

    hint = yield lambda: Rehearsal(checkout.ROOT / "steps/extract_f0.py", "f0", Path(), ["DATA"])
    _, script, stage, *words = hint.split()
    yield lambda: Rehearsal(checkout.ROOT / script, stage, Path(), words)

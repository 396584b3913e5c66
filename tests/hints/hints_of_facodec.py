"""Hints of FACodec."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import facodec_layout
import torch
from obeying import command_in, obeyed, program, settings_in

from pseudovox import config as configuration
from pseudovox import stage
from pseudovox.anonymize.facodec import speech
from pseudovox.anonymize.facodec.options import Options
from pseudovox.data.datadir import DataDir
from pseudovox.models import pretrained
from pseudovox.models.facodec import published

FACODEC, POOL = "pseudovox/anonymize/facodec/", "steps/fit_facodec_pool.py"


def options(*settings: str) -> Options:
    return stage.own_options(configuration.load(None, list(settings)), Options)


def pool(*words: object) -> None:
    """Fit the pool with random weights in the published layout."""
    source = ["--set", "system.options.codec.source=published", "--set", "system.options.codec.weights=weights"]
    sizes = ["pseudo.strategy=pool", "pseudo.candidates=0.9", "pseudo.averaged=0.5", "pseudo.of=utterances"]
    strategy = [word for size in sizes for word in ("--set", size)]
    program(POOL, "--nj", 1, "--device", "cpu", *source, *strategy, *words, "out")


@obeyed(FACODEC + "options.py", "of frames, expected bands and envelope above 0")
def frames_without_sizes() -> Any:
    frames = "system.options.codec.network.signal=frames"
    hint = yield lambda: options(frames).check()
    yield lambda: options(frames, *settings_in(hint)).check()


@obeyed(FACODEC + "speech.py", "which FACodec to speak with was not said")
def codec_that_was_not_said(empty: Path) -> Any:
    facodec_layout.write(Path("weights"))
    program("steps/import_facodec.py", "--weights", "weights", "DIR")
    hint = yield lambda: speech.source_of(options(), None)
    model, source = settings_in(hint)
    assert options(source).codec.source == "published"
    yield lambda: speech.source_of(options(model.rstrip(",")), None)


@obeyed("pseudovox/models/facodec/published.py", "of FACodec's authors: {}")
def weights_of_something_else(empty: Path) -> Any:
    facodec_layout.write(Path("weights"))
    encoder = Path("weights/ns3_facodec_encoder.bin")
    encoder.rename("kept")
    torch.save({"encoder.weight": torch.ones(2)}, encoder)
    hint = yield lambda: published.read(*published.files_of("weights"))
    assert command_in(hint) == pretrained.fetch_command("FACODEC_ENCODER")
    Path("kept").rename(encoder)  # (what it fetches has this layout)


@obeyed(POOL, "whose timbres are to be averaged was not said")
def pool_that_was_not_said(tiny_data: DataDir) -> Any:
    facodec_layout.write(Path("weights"))
    hint = yield lambda: pool()
    folder, genders = settings_in(hint)
    recordings()
    yield lambda: pool("--set", folder.rstrip(":"), "--set", genders)


@obeyed(POOL, "which of its speakers are women was not said")
def pool_without_genders(tiny_data: DataDir) -> Any:
    facodec_layout.write(Path("weights"))
    recordings()
    folder = ("--set", "system.options.pool.folder=FOLDER")
    hint = yield lambda: pool(*folder)
    genders, combined = settings_in(hint)
    pool(*folder, "--set", genders.rstrip(","))
    yield lambda: pool(*folder, "--set", combined, "--force")


def recordings() -> None:
    """FOLDER with recordings of a woman and a man, and FILE with their genders."""
    for speaker, name in (("anna", "f1"), ("bert", "m1")):
        Path(f"FOLDER/{speaker}").mkdir(parents=True)
        for number in range(4):
            Path(f"FOLDER/{speaker}/{number}.wav").write_bytes(Path(f"wav/{name}-{number}.wav").read_bytes())
    Path("FILE").write_text("anna f\nbert m\n")


@obeyed("pseudovox/evaluation/branches.py", "speakers are both learned from and tested")
def speakers_learned_and_tested(tiny_data: DataDir) -> Any:
    import numpy as np

    from pseudovox.evaluation import branches

    config = configuration.load(None, ["scoring.plda_smoothing=0.1"])
    draw = np.random.default_rng(0)
    tables = {name: dict(table) for name, table in tiny_data.tables.items()}
    for name in ("wav.scp", "utt2spk", "utt2dur", "text", "spk2gender"):
        tables[name] = {f"x{key}": value for key, value in tables[name].items()}
    tables["utt2spk"] = {key: f"x{value}" for key, value in tables["utt2spk"].items()}
    DataDir("data/others", tables).write()
    others = DataDir.load("data/others")
    vectors = {part.name: {utt: draw.standard_normal(3) for utt in part.utterances} for part in (tiny_data, others)}

    def score(training: DataDir) -> Any:
        return branches.leaks("timbre", [training], [(tiny_data, with_trials())], vectors, config, 0)

    def with_trials() -> DataDir:
        Path("data/tiny/trials").write_text("f1 f1-1 target\nf1 m1-1 nontarget\n")
        return DataDir.load("data/tiny")

    hint = yield lambda: score(tiny_data)
    assert "--train" in hint
    yield lambda: score(others)


@obeyed("pseudovox/training/linear_codec.py", "of codecs of frames alone")
def linear_start_of_waves() -> Any:
    from pseudovox.models.facodec import FaCodec
    from pseudovox.training import linear_codec

    network = FaCodec(**{**vars(Options().codec.network), "ratios": [2], "width": 4, "decoder_width": 8})
    hint = yield lambda: linear_codec.start(network, torch.zeros(4, 1), torch.zeros(4, 1))
    (key,) = settings_in(hint)
    assert options(key).codec.linear_start is False
    yield lambda: None

#!/usr/bin/env -S bash -c 'exec "${0%/*}/../utils/python.sh" "$0" "$@"'
"""Our building blocks beside those that a user would otherwise take, each a ratio in one run.

    python benchmarks/peers.py                         # all, some minutes on two idle cores
    python benchmarks/peers.py xvectors --data DATA_DIR --utterances 40
    python benchmarks/peers.py f0 wer --small          # does it work?

xvectors    embeddings of utterances, files read: our step's worker, against SpeechBrain's EncoderClassifier one by one,
            on the same weights of an ECAPA-TDNN of 512 channels (random; they take the same time)
attacker    a training step of that network with AAM-softmax on batches of 3 s: ours (features, network, loss, Adam) on
            SpeechBrain's features, against SpeechBrain's modules in a plain loop as its recipes have it
f0          our extraction (method dio, harvest, praat) against a plain call of pyworld and of parselmouth
plda        training on as many embeddings as an attacker has, against SpeechBrain's PLDA, the same iterations
wer         error rates of sentences, against jiwer and a loop over rapidfuzz's editor

Speech is --data, or noise shaped like syllables. One thread everywhere (--threads). A peer is installed into --peers by
pip, unless it is there; its code is no part of this tree. Times are the least of three runs in turn.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
SPEECHBRAIN = ("speechbrain", "hyperpyyaml", "ruamel.yaml")
NETWORK = {"features": 80, "channels": [512, 512, 512, 512, 1536], "embedding": 192, "loss": "aam", "attention": 128}
SMALL = {**NETWORK, "channels": [16, 16, 16, 16, 48], "attention": 8}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], help="(all)")
    parser.add_argument("--data", type=Path, help="a data dir of real speech (default: shaped noise)")
    parser.add_argument("--utterances", type=int, default=40)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--small", action="store_true", help="sizes that only show that it works")
    parser.add_argument("--peers", type=Path, default=Path("exp/peers"), help="folder for packages of others")
    parser.add_argument("--json", type=Path, help="file for the figures as well")
    args = parser.parse_args()
    import torch

    torch.set_num_threads(args.threads)
    told: dict[str, Any] = {}
    for name in args.parts or PARTS:
        told[name] = PARTS[name](args)
    if args.json:
        args.json.write_text(json.dumps(told, indent=1) + "\n")


# ---------------------------------------------------------------------- what the parts share
def compared(
    what: str, ours: Callable[[], Any], others: dict[str, Callable[[], Any]], runs: int = 3
) -> dict[str, float]:
    """Least seconds of each in turn, printed with the ratio of each other one to ours."""
    least = dict.fromkeys(("ours", *others), float("inf"))
    for _ in range(runs):
        for name, call in (("ours", ours), *others.items()):
            started = time.perf_counter()
            call()
            least[name] = min(least[name], time.perf_counter() - started)
    print(f"{what}: ours {least['ours']:.3f} s", flush=True)
    for name in others:
        print(f"    {name}: {least[name]:.3f} s, {least[name] / least['ours']:.2f} times ours", flush=True)
    return least


def install(args: argparse.Namespace, *packages: str) -> None:
    """Have packages importable: those that are not there are installed by pip into a folder of their own."""
    lacking = [name for name in packages if importlib.util.find_spec(name.split(".")[0]) is None]
    if lacking:
        command = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", str(args.peers), *lacking]
        subprocess.run(command, check=True)
    sys.path.append(str(args.peers))


def speech(args: argparse.Namespace, folder: Path) -> Any:
    """The data dir that is worked on."""
    from pseudovox.data.audio import write_wav
    from pseudovox.data.datadir import DataDir

    if args.data:
        data = DataDir.load(args.data)
        return data.subset(data.utterances[: args.utterances])
    draw = np.random.default_rng(0)
    tables: dict[str, dict[str, str]] = {name: {} for name in ("wav.scp", "utt2spk", "utt2dur")}
    for number in range(2 if args.small else args.utterances):
        length = int(16000 * (1.0 if args.small else draw.uniform(3, 15)))
        loud = np.clip(np.sin(2 * np.pi * 2.1 * np.arange(length) / 16000), 0, 1)
        voice = np.sin(2 * np.pi * np.cumsum(140 + 30 * np.sin(np.arange(length) / 9000)) / 16000)
        name = f"s{number % 8}-{number:03d}"
        write_wav(folder / f"{name}.wav", 0.2 * loud * (voice + 0.3 * draw.standard_normal(length)))
        tables["wav.scp"][name], tables["utt2spk"][name] = str(folder / f"{name}.wav"), f"s{number % 8}"
        tables["utt2dur"][name] = f"{length / 16000:.4f}"
    DataDir(folder / "data", tables).write()
    return DataDir.load(folder / "data")


# ---------------------------------------------------------------------- parts
def xvectors(args: argparse.Namespace) -> dict[str, float]:
    """Embeddings, on the same weights."""
    import torch

    install(args, *SPEECHBRAIN)
    from pseudovox.components.embeddings import EmbeddingWorker
    from pseudovox.data.utterance import Utterance
    from pseudovox.models import speechbrain as layout
    from pseudovox.models import store

    sizes = {**(SMALL if args.small else NETWORK), "speakers": 8}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        data = speech(args, folder)
        torch.manual_seed(1)
        network = store.build("ecapa", sizes)
        features = {
            "kind": "speechbrain",
            "bins": 80,
            "low": 0.0,
            "high": 8000.0,
            "window": 100000,
            "speech_only": False,
        }
        facts = {"features": features, "speakers": [str(number) for number in range(8)]}
        store.save(folder / "ours", network, kind="ecapa", hyperparameters=sizes, facts=facts)
        (folder / "theirs").mkdir()
        layout.write_folder(folder / "theirs", network.state_dict(), sizes, facts["speakers"])  # type: ignore[arg-type]
        from speechbrain.inference.speaker import EncoderClassifier

        theirs = EncoderClassifier.from_hparams(source=str(folder / "theirs"), savedir=str(folder / "cache"))
        worker = EmbeddingWorker(folder / "ours")
        found: dict[str, dict[str, np.ndarray]] = {"ours": {}, "theirs": {}}

        def ours() -> None:
            for utterance in data.utterances:
                for own, made in worker.process([Utterance(data, utterance)]):
                    found["ours"][own.id] = made()["xvector"]

        def one_by_one() -> None:
            with torch.inference_mode():
                for utterance in data.utterances:
                    signal = torch.from_numpy(Utterance(data, utterance).audio())
                    found["theirs"][utterance] = theirs.encode_batch(signal[None])[0, 0].numpy()

        seconds = compared(f"x-vectors of {len(data.utterances)} utterances", ours, {"SpeechBrain": one_by_one})
        apart = max(
            float(np.abs(found["ours"][utterance] - vector).max() / np.abs(vector).max())
            for utterance, vector in found["theirs"].items()
        )
        print(f"    largest difference of a number: {apart:.1e} of the vector's largest")
        return {**seconds, "apart": apart}


def attacker(args: argparse.Namespace) -> dict[str, float]:
    """A training step: features of samples, network, AAM-softmax, backward, Adam."""
    import torch

    install(args, *SPEECHBRAIN)
    from speechbrain.lobes.features import Fbank
    from speechbrain.lobes.models.ECAPA_TDNN import ECAPA_TDNN, Classifier
    from speechbrain.nnet.losses import AdditiveAngularMargin, LogSoftmaxWrapper
    from speechbrain.processing.features import InputNormalization

    from pseudovox import config as configuration
    from pseudovox.models import store
    from pseudovox.training.speaker import SpeakerLearner

    sizes, speakers, batch = SMALL if args.small else NETWORK, 921, 2 if args.small else 16
    torch.manual_seed(1)
    blocks = [ROOT / "conf/default.yaml", configuration.block_file("attacker", "vpc2024")]
    options = configuration.merge(blocks).attacker
    learner = SpeakerLearner(store.build("ecapa", {**sizes, "speakers": speakers}), options.training, 1, options)
    samples, labels = 0.1 * torch.randn(batch, 48000), torch.randint(0, speakers, (batch,))
    own = torch.optim.Adam(learner.parameters(), lr=1e-3, weight_decay=2e-6)

    def ours() -> None:
        loss = learner.loss((samples, labels), "train")
        own.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(learner.parameters(), 5.0)
        own.step()

    features, normalise = Fbank(n_mels=80), InputNormalization(norm_type="sentence", std_norm=False)
    channels, width = sizes["channels"], sizes["attention"]
    network = ECAPA_TDNN(
        80, channels=channels, kernel_sizes=[5, 3, 3, 3, 1], dilations=[1, 2, 3, 4, 1], attention_channels=width,
        se_channels=width, lin_neurons=192,
    )  # fmt: skip
    head, criterion = Classifier(192, out_neurons=speakers), LogSoftmaxWrapper(AdditiveAngularMargin(0.2, 30))
    weights = [*network.parameters(), *head.parameters()]
    other, lengths = torch.optim.Adam(weights, lr=1e-3, weight_decay=2e-6), torch.ones(batch)

    def theirs() -> None:
        frames = normalise(features(samples), lengths)
        loss = criterion(head(network(frames, lengths)), labels[:, None], lengths)
        other.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(weights, 5.0)
        other.step()

    for warm_up in (ours, theirs):
        warm_up()
    return compared(f"a training step, batch of {batch} x 3 s", ours, {"SpeechBrain": theirs})


def f0(args: argparse.Namespace) -> dict[str, Any]:
    """Contours of utterances in memory."""
    from dataclasses import replace

    from pseudovox import config as configuration
    from pseudovox.components import f0 as ours
    from pseudovox.data.utterance import Utterance

    options = configuration.load(None, []).f0
    told: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as name:
        data = speech(args, Path(name))
        signals = [Utterance(data, utterance).audio() for utterance in data.utterances]
    doubles = [np.asarray(signal, np.float64) for signal in signals]
    limits = {"f0_floor": options.floor, "f0_ceil": options.ceiling, "frame_period": 10.0}
    world = ours.pyworld()

    def dio() -> None:
        for signal in doubles:
            world.stonemask(signal, *world.dio(signal, 16000, **limits), 16000)

    def harvest() -> None:
        for signal in doubles:
            world.harvest(signal, 16000, **limits)

    def praat() -> None:
        import parselmouth

        for signal in doubles:
            if len(signal) > 3 * 16000 / options.floor:
                parselmouth.Sound(signal, 16000).to_pitch_ac(
                    time_step=0.01, pitch_floor=options.floor, pitch_ceiling=options.ceiling
                )

    peers: dict[str, tuple[str, Callable[[], None]]] = {
        "dio": ("pyworld", dio), "harvest": ("pyworld", harvest), "praat": ("parselmouth", praat),
    }  # fmt: skip
    for method, (peer, call) in peers.items():
        if method == "praat" and importlib.util.find_spec("parselmouth") is None:
            print("f0 by praat: not run: parselmouth is not installed")
            continue
        own = replace(options, method=method)
        told[method] = compared(
            f"F0 by {method}",
            lambda own=own: [ours.extract(signal, own) for signal in signals],
            {peer: call},  # type: ignore[misc]
        )
    return told


def plda(args: argparse.Namespace) -> dict[str, float]:
    """Training alone: SpeechBrain's scoring takes other inputs."""
    install(args, *SPEECHBRAIN)
    from speechbrain.processing.PLDA_LDA import PLDA, StatObject_SB

    from pseudovox.components.plda import Statistics, fit_gaussians

    speakers, each, dimension = (20, 5, 8) if args.small else (921, 100, 192)
    rank, rounds = dimension // 2, 10
    draw = np.random.default_rng(1)
    names = np.repeat(np.arange(speakers), each)
    vectors = draw.standard_normal((speakers, dimension))[names] + draw.standard_normal((len(names), dimension))
    vectors = vectors.astype(np.float64)

    def ours() -> None:
        fit_gaussians(Statistics.of(vectors, names), rounds=rounds, tolerance=0.0)

    segments = np.array([f"u{number}" for number in range(len(names))], dtype="|O")
    models = np.array([f"s{number}" for number in names], dtype="|O")
    empty = np.array([None] * len(names))

    def theirs() -> None:
        statistics = StatObject_SB(
            modelset=models, segset=segments, start=empty, stop=empty, stat0=np.ones((len(names), 1)),
            stat1=vectors.copy(),
        )  # fmt: skip
        PLDA(rank_f=rank, nb_iter=rounds).plda(statistics)

    return compared(f"PLDA on {len(names)} vectors of {dimension}", ours, {"SpeechBrain": theirs}, runs=1)


def wer(args: argparse.Namespace) -> dict[str, float]:
    """Edits by utterance."""
    import jiwer
    from rapidfuzz.distance import Levenshtein

    from pseudovox.metrics.wer import edits_by_utterance, total

    draw = np.random.default_rng(1)
    words = [f"word{number}" for number in range(5000)]
    references, hypotheses = {}, {}
    for number in range(50 if args.small else 20_000):
        sentence = [words[place] for place in draw.integers(len(words), size=int(draw.integers(3, 40)))]
        heard = [word if draw.random() > 0.1 else words[int(draw.integers(len(words)))] for word in sentence]
        references[f"u{number}"], hypotheses[f"u{number}"] = (
            " ".join(sentence),
            " ".join(heard[: len(heard) - number % 2]),
        )
    found: dict[str, float] = {}

    def ours() -> None:
        found["ours"] = total(list(edits_by_utterance(references, hypotheses).values())).rate

    def by_jiwer() -> None:
        found["jiwer"] = 100 * jiwer.wer(list(references.values()), list(hypotheses.values()))

    def by_rapidfuzz() -> None:
        edits = sum(Levenshtein.distance(text.split(), hypotheses[name].split()) for name, text in references.items())
        found["rapidfuzz"] = 100 * edits / sum(len(text.split()) for text in references.values())

    seconds = compared(
        f"WER of {len(references)} sentences", ours, {"jiwer": by_jiwer, "rapidfuzz": by_rapidfuzz}
    )  # fmt: skip
    print(f"    rates in percent: {', '.join(f'{name} {value:.3f}' for name, value in found.items())}")
    return seconds


PARTS: dict[str, Callable[[argparse.Namespace], Any]] = {
    "xvectors": xvectors, "attacker": attacker, "f0": f0, "plda": plda, "wer": wer,
}  # fmt: skip

if __name__ == "__main__":
    main()

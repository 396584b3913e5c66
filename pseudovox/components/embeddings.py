"""Speaker embeddings of utterances with a trained model, and their means by speaker."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pseudovox.data.archive import read_parts, write_arrays
from pseudovox.data.datadir import bytewise, write_atomic
from pseudovox.data.utterance import read_audio
from pseudovox.stage.device import Fetched, to_device

if TYPE_CHECKING:
    import torch

    from pseudovox.data.datadir import DataDir
    from pseudovox.stage import Output, Utterance

LONGEST = 10_000  # frames (100 s) that are embedded at once; longer utterances in pieces, averaged
SHORTEST = 25  # frames; what is shorter is repeated, since the networks need some context


class Embedder:
    """A speaker embedding with the features it was trained on.

    Args:
        model: its model dir.
        device: "cpu" or "cuda".
        padded: embed the signals of a call together, padded. Not on a CPU unless asked for: padding costs more than it
            saves there, and shows in the last digits.

    Raises:
        MissingModelError, DataError: no such model, or a damaged one.
    """

    def __init__(self, model: Path, device: str = "cpu", padded: bool | None = None) -> None:
        from pseudovox.config import SpeakerFeatures
        from pseudovox.models import store

        self.network, facts = store.load(model, *store.speaker_networks(), device=device)
        self.options = SpeakerFeatures(**facts["features"])
        self.device = device
        self.padded = device != "cpu" if padded is None else padded

    def __call__(self, signals: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Embeddings, float32 (dimension,) each, of signals (samples,) at 16 kHz."""
        return [vector() for vector in self.later(signals)]

    def later(self, signals: Sequence[np.ndarray]) -> list[Callable[[], np.ndarray]]:
        """As a call, but a GPU's work is not waited for before what is given here is called."""
        import torch

        from pseudovox.data.features import frame_count

        whole = [number for number, samples in enumerate(signals) if frame_count(len(samples)) <= LONGEST]
        found: dict[int, Callable[[], np.ndarray]] = {}
        with torch.inference_mode():
            if self.padded and whole:
                fetched = Fetched([self._together([signals[number] for number in whole])])
                for row, number in enumerate(whole):
                    found[number] = functools.partial(_row, fetched, row)
            rest = [number for number in range(len(signals)) if number not in found]
            for number, vector in zip(rest, self._one_by_one([signals[number] for number in rest]), strict=True):
                found[number] = functools.partial(np.asarray, vector)
        return [found[number] for number in range(len(signals))]

    def _together(self, signals: Sequence[np.ndarray]) -> torch.Tensor:
        """Embeddings (signals, dimension) on the device, of signals that are embedded at once each."""
        import torch

        from pseudovox.data.features import padded_speaker_features

        rows = [padded_speaker_features(to_device(samples, self.device), self.options, SHORTEST) for samples in signals]
        frames = torch.nn.utils.rnn.pad_sequence([row for row, _ in rows], batch_first=True)
        found: torch.Tensor = self.network.embed(frames, torch.stack([count for _, count in rows]))
        return found

    def _one_by_one(self, signals: Sequence[np.ndarray]) -> list[np.ndarray]:
        import torch

        if not signals:
            return []
        pieces = [self._pieces(samples) for samples in signals]
        vectors = self._embed([frames for parts in pieces for frames in parts])
        means = []
        for parts in pieces:
            weights = torch.tensor([float(len(frames)) for frames in parts], device=self.device)
            own, vectors = vectors[: len(parts)], vectors[len(parts) :]
            means.append((weights @ own / weights.sum()).cpu().numpy())
        return means

    def _pieces(self, samples: np.ndarray) -> list[torch.Tensor]:
        import torch

        from pseudovox.data.features import speaker_features

        frames = speaker_features(torch.from_numpy(samples).to(self.device), self.options)
        if len(frames) < SHORTEST:
            frames = frames.repeat(-(-SHORTEST // len(frames)), 1)[:SHORTEST]
        return list(frames.tensor_split(-(-len(frames) // LONGEST)))

    def _embed(self, pieces: list[torch.Tensor]) -> torch.Tensor:
        import torch

        if not self.padded:
            return torch.cat([self.network.embed(frames[None]) for frames in pieces])
        lengths = torch.tensor([len(frames) for frames in pieces], device=self.device)
        return self.network.embed(torch.nn.utils.rnn.pad_sequence(pieces, batch_first=True), lengths)


class EmbeddingWorker:
    """Embeds utterances in a worker process; gives {"xvector": (dimension,)} for each."""

    def __init__(self, model: Path, *, device: str = "cpu", padded: bool | None = None) -> None:
        self.embedder = Embedder(model, device, padded)

    read = staticmethod(read_audio)

    def process(self, batch: list[Utterance]) -> Iterator[tuple[Utterance, Callable[[], dict[str, np.ndarray]]]]:
        vectors = self.embedder.later([utterance.given(self.read) for utterance in batch])
        for utterance, vector in zip(batch, vectors, strict=True):
            yield utterance, functools.partial(_named, vector)


def _row(fetched: Fetched, row: int) -> np.ndarray:
    return fetched.arrays()[0][row].copy()


def _named(vector: Callable[[], np.ndarray]) -> dict[str, np.ndarray]:
    return {"xvector": vector()}


def speaker_means(spk2utt: Mapping[str, Sequence[str]], vectors: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """The plain mean of each speaker's vectors, float32 (dimension,); not length-normalised, as in the VPC."""
    return {
        speaker: np.stack([vectors[utterance] for utterance in utterances]).mean(0, np.float64).astype(np.float32)
        for speaker, utterances in spk2utt.items()
    }


def write_speaker_vectors(data: DataDir, out: Output) -> None:
    """The speakers' means, spk_xvector.{ark,scp}, and num_utts, beside xvector.scp as Kaldi has them."""
    vectors = read_parts(out.path, "xvector")
    write_arrays(out.path, "spk_xvector", speaker_means(data.spk2utt, vectors), out.final)
    counts = "".join(f"{speaker} {len(data.spk2utt[speaker])}\n" for speaker in bytewise(data.spk2utt))
    write_atomic(out.path / "num_utts", counts)

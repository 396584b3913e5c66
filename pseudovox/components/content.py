"""Content features: the bottleneck of a trained content extractor, extracted in worker processes."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from pseudovox.components import f0
from pseudovox.config import kinds
from pseudovox.core import blocks
from pseudovox.data import features
from pseudovox.data.utterance import read_audio
from pseudovox.models import store
from pseudovox.models.bottleneck import speech_statistics
from pseudovox.stage.device import Fetched, is_cuda, to_device

if TYPE_CHECKING:
    from pseudovox.stage.parallel import Utterance

FRAMES_PER_SECOND = 1000 / f0.FRAME_PERIOD
# Seconds of context for a wav2vec 2.0 front end, whose attention sees all that it is given: it is given a block.
ATTENTION = 10.0


def log_mel(samples: np.ndarray | torch.Tensor, bins: int, floor_decibels: float) -> torch.Tensor:
    """The extractor's input: log-mel frames without the recording's level, float32 (frames, bins).

    Args:
        samples: (samples,) at 16 kHz.
        bins: mel bands.
        floor_decibels: values are floored so far under the utterance's maximum.
    """
    return features.floor_level(features.fbank(samples, bins=bins), floor_decibels)


def sample_frames(samples: np.ndarray) -> torch.Tensor:
    """The input of an extractor with a wav2vec 2.0 front end: the samples, float32 (frames, 160), zeros at the end.

    There are as many frames as `log_mel` makes.
    """
    frames = max(1, (len(samples) + f0.FRAME_SHIFT // 2) // f0.FRAME_SHIFT)
    fitted = np.zeros(frames * f0.FRAME_SHIFT, np.float32)
    fitted[: len(samples)] = samples[: len(fitted)]
    return torch.from_numpy(fitted.reshape(frames, f0.FRAME_SHIFT))


class Extractor:
    """A trained content extractor.

    With `warps`, the mel axis of each utterance is first stretched by that one of these factors with which the phones
    are surest, so that less of the vocal tract's length is left in what follows (Lee and Rose 1996, "Speaker
    normalization using efficient frequency warping procedures"; the measure is ours: least entropy of the phones).

    With speaker factors, what they tell of the speaker is taken off the utterance's content (see SpeakerFactors).

    Args:
        model: its model dir.
        device: torch device.
        padded: work on the signals of a call of `later` together, padded; what is beyond the end of one does not show
            but for rounding. Not on a CPU unless asked for, where that takes longer, and never with a front end of
            wav2vec 2.0 or for signals that are longer than a block.
    """

    def __init__(self, model: Path, device: str = "cpu", padded: bool | None = None) -> None:
        self.network, self.facts = store.load(model, *store.content_extractors(), device=device)
        hyperparameters = store.read_card(model, *store.content_extractors())["hyperparameters"]
        if self.network.speaker_factors is not None:  # which work on whole utterances, behind the network
            self.network.speaker_factors.cpu()
        self.bins, self.from_samples = int(hyperparameters["bins"]), bool(hyperparameters.get("front"))
        self.device = device
        self.padded = (is_cuda(device) if padded is None else padded) and not self.from_samples
        warps = self.facts.get("warps", ())  # (cards of older models know nothing of them)
        self.warps = [torch.from_numpy(features.mel_warp(self.bins, factor)).float() for factor in warps]

    @torch.no_grad()
    def __call__(self, samples: np.ndarray, change: Callable[[np.ndarray], np.ndarray] | None = None) -> np.ndarray:
        """The bottleneck of (samples,) at 16 kHz: float32 (frames, dimension), `facts["frame_shift_seconds"]` each.

        Args:
            samples: the speech.
            change: makes other log-mel frames (frames, bins) of its own, as many; what the extractor takes in.
        """
        if self.from_samples:
            frames = sample_frames(samples)
        else:
            frames = log_mel(samples, self.bins, self.facts["floor_decibels"])
            if change is not None:
                frames = torch.from_numpy(change(frames.numpy()))
        if not self._needs_posteriors:
            return self._in_blocks(self.network.extract, frames).numpy()
        stretched = [frames @ warp for warp in self.warps] or [frames]
        return self._surest([self._in_blocks(self.network.extract_with_posteriors, one) for one in stretched])

    @property
    def _needs_posteriors(self) -> bool:
        return bool(self.warps) or self.network.speaker_factors is not None

    @torch.no_grad()
    def _surest(self, found: Sequence[torch.Tensor]) -> np.ndarray:
        """The content of that warp whose phones are surest, without its speaker's factors, if there are such.

        Args:
            found: what the network gives for each warp, (frames, dimension + phones), on the host.
        """
        dimension, factors = self.network.dimension, self.network.speaker_factors
        surest = min(found, key=lambda one: float(torch.special.entr(one[:, dimension:]).sum(1).mean()))
        content, posteriors = surest[:, :dimension], surest[:, dimension:]
        result = content.clone() if factors is None else factors.remove(content, posteriors)
        return result.numpy()  # type: ignore[no-any-return]

    def later(self, signals: Sequence[np.ndarray]) -> list[Callable[[], np.ndarray]]:
        """As a call for each of the signals, but a GPU's work is not waited for before what is given here is called."""
        frames = [features.frame_count(len(samples)) for samples in signals]
        whole = [number for number, count in enumerate(frames) if count <= blocks.size(FRAMES_PER_SECOND)]
        found: dict[int, Callable[[], np.ndarray]] = {}
        if self.padded and whole:
            found = dict(zip(whole, self._together([signals[number] for number in whole]), strict=True))
        for number, samples in enumerate(signals):
            if number not in found:
                made = functools.partial(self, samples)
                # On a GPU at once: what it is asked for is asked by one thread.
                found[number] = functools.partial(np.asarray, made()) if is_cuda(self.device) else made
        return [found[number] for number in range(len(signals))]

    @torch.no_grad()
    def _together(self, signals: Sequence[np.ndarray]) -> list[Callable[[], np.ndarray]]:
        """`later` of signals that are not longer than a block, in one batch."""
        stride, floor = self.network.stride, self.facts["floor_decibels"]
        rows = [log_mel(to_device(samples, self.device), self.bins, floor) for samples in signals]
        # The last frame stands in for what lacks of a step of the network.
        rows = [torch.cat([row, row[-1:].expand(-len(row) % stride, -1)]) if len(row) % stride else row for row in rows]
        counts = [len(row) // stride for row in rows]
        lengths = to_device(torch.tensor(counts), self.device)
        work = self.network.extract_with_posteriors if self._needs_posteriors else self.network.extract
        outputs = []
        for warp in range(max(1, len(self.warps))):
            stretched = [row @ self.warps[warp].to(row.device) for row in rows] if self.warps else rows
            statistics = None
            if self.network.adaptation is not None:
                own = [
                    one[: features.frame_count(len(samples))] for one, samples in zip(stretched, signals, strict=True)
                ]
                statistics = torch.cat([speech_statistics(one[None]) for one in own])
            padded = torch.nn.utils.rnn.pad_sequence(stretched, batch_first=True)
            outputs.append(work(padded, statistics, lengths))
        fetched = Fetched(outputs)
        return [functools.partial(self._fetched, fetched, row, count) for row, count in enumerate(counts)]

    def _fetched(self, fetched: Fetched, row: int, count: int) -> np.ndarray:
        found = [array[row, :count] for array in fetched.arrays()]
        if not self._needs_posteriors:
            return found[0].copy()
        return self._surest([torch.from_numpy(one) for one in found])

    @torch.no_grad()
    def hidden(self, samples: np.ndarray, layers: Sequence[int]) -> tuple[np.ndarray, ...]:
        """What layers of the network put out (see BottleneckNetwork.hidden); 0 = the bottleneck, as by a call.

        Args:
            samples: (samples,) at 16 kHz.
            layers: from 0.

        Returns:
            float32 (frames, width) of each, in the order of `layers`.
        """
        inner = sorted({layer for layer in layers if layer})
        found: dict[int, np.ndarray] = {}
        if 0 in layers:
            found[0] = self(samples)
        if inner:
            frames = (
                sample_frames(samples)
                if self.from_samples
                else log_mel(samples, self.bins, self.facts["floor_decibels"])
            )

            def work(part: torch.Tensor, statistics: torch.Tensor | None) -> torch.Tensor:
                return torch.cat(self.network.hidden(part, statistics, inner), 2)

            together = self._in_blocks(work, frames, beyond=len(self.network.tail)).numpy()
            found.update(zip(inner, np.split(together, len(inner), axis=1), strict=True))
        return tuple(found[layer] for layer in layers)

    def _in_blocks(self, work: Callable[..., torch.Tensor], frames: torch.Tensor, beyond: int = 0) -> torch.Tensor:
        """What `work` (a method of the network) makes of input frames (frames, bins), block by block.

        `beyond`: output frames of context that it needs more than the bottleneck does.
        """
        context = self.network.context
        if context < 0:
            context = round(ATTENTION * FRAMES_PER_SECOND)
        stride = self.network.stride
        context += beyond * stride
        statistics = None
        if self.network.adaptation is not None:  # of the whole, whatever it is cut to
            statistics = speech_statistics(frames[None]).to(self.device)
        parts = []
        for block in blocks.cut(len(frames), blocks.size(FRAMES_PER_SECOND), context, stride):
            found = work(frames[None, block.worked].to(self.device), statistics)[0].cpu()
            begin = (block.start - block.first) // stride
            parts.append(found[begin : begin - (block.start - block.end) // stride])
            blocks.report(block.end / len(frames))
        return torch.cat(parts)


def load(model: Path, device: str = "cpu") -> Extractor:
    """What extracts content with the model of a folder: the class that the model's kind names, as Extractor.

    Raises:
        MissingModelError, DataError: as store.read_card.
    """
    kind = store.read_card(model, *store.content_extractors())["kind"]
    return kinds.imported(kinds.networks("content_extractors")[kind].user)(model, device)  # type: ignore[no-any-return]


def later(extract: Extractor, signals: Sequence[np.ndarray]) -> list[Callable[[], np.ndarray]]:
    """What gives the content of each signal, by an extractor of any kind: one of a recipe's own may know one signal."""
    found = getattr(extract, "later", None)
    return found(signals) if found else [functools.partial(extract, samples) for samples in signals]


class ExtractWorker:
    """Extracts the bottleneck in a worker process; gives {"bottleneck": (frames, dimension)} for each utterance."""

    def __init__(self, model: Path, *, device: str = "cpu") -> None:
        self.extract = load(model, device)

    read = staticmethod(read_audio)

    def process(self, batch: list[Utterance]) -> Iterator[tuple[Utterance, Callable[[], dict[str, np.ndarray]]]]:
        signals = [utterance.given(self.read) for utterance in batch]
        for utterance, content in zip(batch, later(self.extract, signals), strict=True):
            yield utterance, functools.partial(_named, content)


def _named(content: Callable[[], np.ndarray]) -> dict[str, np.ndarray]:
    return {"bottleneck": content()}

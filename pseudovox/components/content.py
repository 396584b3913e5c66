"""Content features: the bottleneck of a trained content extractor, extracted in worker processes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from pseudovox.components import f0
from pseudovox.core import blocks
from pseudovox.data import features
from pseudovox.models import store
from pseudovox.models.bottleneck import speech_statistics

if TYPE_CHECKING:
    from pseudovox.stage.parallel import Utterance

FRAMES_PER_SECOND = 1000 / f0.FRAME_PERIOD
# Seconds of context for a wav2vec 2.0 front end, whose attention sees all that it is given: it is given a block.
ATTENTION = 10.0


def log_mel(samples: np.ndarray, bins: int, floor_decibels: float) -> torch.Tensor:
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
    """

    def __init__(self, model: Path, device: str = "cpu") -> None:
        self.network, self.facts = store.load(model, "bottleneck", device=device)
        hyperparameters = store.read_card(model, "bottleneck")["hyperparameters"]
        if self.network.speaker_factors is not None:  # which work on whole utterances, behind the network
            self.network.speaker_factors.cpu()
        self.bins, self.from_samples = int(hyperparameters["bins"]), bool(hyperparameters.get("front"))
        self.device = device
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
        factors = self.network.speaker_factors
        if not self.warps and factors is None:
            return self._in_blocks(self.network.extract, frames).numpy()
        stretched = [frames @ warp for warp in self.warps] or [frames]
        found = [self._in_blocks(self.network.extract_with_posteriors, one) for one in stretched]
        dimension = self.network.dimension
        surest = min(found, key=lambda one: float(torch.special.entr(one[:, dimension:]).sum(1).mean()))
        content, posteriors = surest[:, :dimension], surest[:, dimension:]
        return (content.clone() if factors is None else factors.remove(content, posteriors)).numpy()

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


class ExtractWorker:
    """Extracts the bottleneck in a worker process; gives {"bottleneck": (frames, dimension)} for each utterance.

    One by one on every device: reading audio takes longer than the network does, and an utterance's result
    cannot depend on what it would share a batch with.
    """

    def __init__(self, model: Path, *, device: str = "cpu") -> None:
        self.extract = Extractor(model, device)

    def process(self, batch: list[Utterance]) -> Iterator[tuple[Utterance, dict[str, np.ndarray]]]:
        for utterance in batch:
            yield utterance, {"bottleneck": self.extract(utterance.audio())}

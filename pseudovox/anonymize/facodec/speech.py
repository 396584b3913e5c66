"""An utterance to its codes and timbre, and codes to speech with any timbre, long recordings block by block."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from pseudovox.components import f0, world
from pseudovox.core import blocks
from pseudovox.core.errors import DataError, MissingModelError
from pseudovox.models import store
from pseudovox.models.facodec.codec import FRAME, SAMPLE_RATE

if TYPE_CHECKING:
    from pseudovox.anonymize.facodec.options import Options

KIND, REDECODER_KIND = "facodec", "facodec_redecoder"
REDECODER = "redecoder"  # its model dir, in that of the codec
FLOOR, CEILING = 60.0, 600.0  # Hz, of the F0 that a codec of frames speaks with


@dataclass(frozen=True)
class Analysed:
    """What a codec makes of an utterance.

    Attributes:
        codes: int64 (T, levels): prosody, content, detail.
        timbre: float32 (dimension,).
    """

    codes: torch.Tensor
    timbre: np.ndarray


def model_of(options: Options, folder: Path | None) -> Path | None:
    """The model dir to speak with, checked; None = the published weights' files.

    Args:
        folder: of the recipe's (--codec).

    Raises:
        MissingModelError: none was given, or it is not there. DataError: it holds another model.
    """
    own = options.codec
    if not own.model and own.source == "published":
        return None
    found = Path(own.model) if own.model else folder
    if found is None:
        raise MissingModelError(
            "which FACodec to speak with was not said (--codec)",
            "--set system.options.codec.model=DIR, of steps/train_facodec.py or steps/import_facodec.py, or "
            "--set system.options.codec.source=published",
        )
    store.read_card(found, KIND)
    return found


def source_of(options: Options, folder: Path | None) -> list[Path]:
    """The files and folders that decide what a codec does, there; MissingModelError otherwise.

    Args:
        folder: of the recipe's codec (--codec).
    """
    found = model_of(options, folder)
    if found is None:
        from pseudovox.models.facodec import published

        own = options.codec
        return published.files_of(
            own.weights, redecoder=options.detail == "redecode", key="system.options.codec.weights"
        )
    if options.detail == "redecode":
        store.read_card(found / REDECODER, REDECODER_KIND)
    return [found]


class Codec:
    """A codec, and, if detail is to be redecoded, its redecoder.

    Args:
        options: of the system.
        folder: model dir of the recipe's codec.
        device: torch device.

    Raises:
        MissingModelError, DataError: no such weights, or damaged ones.
    """

    def __init__(self, options: Options, folder: Path | None, device: str = "cpu") -> None:
        self.options, self.device = options, device
        sources = source_of(options, folder)
        self.redecoder: Any = None
        facts: dict[str, Any]
        if sources[0].is_dir():
            self.network, facts = store.load(sources[0], KIND, device=device)
            if options.detail == "redecode":
                self.redecoder, _ = store.load(sources[0] / REDECODER, REDECODER_KIND, device=device)
        else:
            from pseudovox.models.facodec import published

            self.network, _, facts = published.read(*sources[:2])
            self.network = self.network.to(device)
            if options.detail == "redecode":
                self.redecoder = published.read_redecoder(sources[2])[0].to(device)
        self.level = facts["level"]

    @torch.no_grad()
    def analyse(self, samples: np.ndarray) -> Analysed:
        """Of samples (samples,) at 16 kHz; DataError if there are none."""
        if not len(samples):
            raise DataError("no sample of speech")
        if self.level is not None:
            samples = world.set_speech_level(samples, self.level)
        if self.network.is_wave:
            signal = torch.from_numpy(samples)[:, None]
        else:
            signal = torch.from_numpy(log_mel(samples, len(self.network.input_mean)))
        rate = SAMPLE_RATE if self.network.is_wave else SAMPLE_RATE / FRAME
        hop = self.network.hop
        parts = []
        for block in blocks.cut(len(signal), blocks.size(rate), self.network.encoder.reach, hop):
            frames = self.network.encode(signal[None, block.worked].to(self.device))[0]
            parts.append(frames[(block.start - block.first) // hop : -(-(block.end - block.first) // hop)])
        frames = torch.cat(parts)
        # (Attention sees a minute at once, at most: timbre is the mean over equal stretches.)
        stretches = frames.tensor_split(-(-len(frames) // blocks.size(rate / hop)))
        timbres = torch.stack([self.network.timbre_of(one[None])[0] for one in stretches])
        lengths = torch.tensor([float(len(one)) for one in stretches], device=timbres.device)
        codes = self.network.quantise(frames[None])[3][0]
        return Analysed(codes, (lengths @ timbres / lengths.sum()).cpu().numpy())

    @torch.no_grad()
    def speak(self, codes: torch.Tensor, timbre: np.ndarray, samples: int) -> np.ndarray:
        """Speech of exactly `samples` samples, float32, not at any level.

        Args:
            codes: int64 (T, levels).
            timbre: float32 (dimension,).

        Raises:
            DataError: a timbre of another dimension.
        """
        if len(timbre) != self.network.dimension:
            raise DataError(f"a timbre of dimension {len(timbre)}; the codec's are of {self.network.dimension}")
        voice = torch.from_numpy(np.asarray(timbre, np.float32))[None].to(self.device)
        network = self.network if self.redecoder is None else self.redecoder
        codes = codes[None].to(self.device)
        if self.redecoder is None:
            vectors = network.vectors(codes, detail=self.options.detail == "keep")
        else:
            # (The transformer on prosody sees a minute at once, at most, as `analyse` does.)
            count = -(-codes.shape[1] // blocks.size(SAMPLE_RATE / network.hop))
            vectors = torch.cat([network.vectors(one, voice) for one in codes.tensor_split(count, 1)], 1)
        rate = (SAMPLE_RATE if self.network.is_wave else SAMPLE_RATE / FRAME) / self.network.hop
        parts = []
        for block in blocks.cut(vectors.shape[1], blocks.size(rate), network.decoder.reach):
            found = network.decode(vectors[:, block.worked], voice)[0]
            kept = slice(block.kept.start * self.network.hop, block.kept.stop * self.network.hop)
            parts.append(found[kept].cpu())
            blocks.report(block.end / vectors.shape[1])
        spoken = torch.cat(parts).numpy()
        if self.network.is_wave:
            return f0.fit_length(spoken[:, 0], samples)
        frames = f0.fit_length(spoken, f0.frame_count(samples))
        contour = np.where(frames[:, -1] > 0, np.exp(frames[:, -2]).clip(FLOOR, CEILING), 0.0).astype(np.float32)
        analysis = world.Analysis(
            np.ascontiguousarray(frames[:, :-3]), np.minimum(np.ascontiguousarray(frames[:, -3:-2]), 0.0)
        )
        return world.synthesize(analysis, contour, samples)


def log_mel(samples: np.ndarray, bands: int) -> np.ndarray:
    """Log-mel frames of 10 ms, float32 (f0.frame_count(samples), bands)."""
    from pseudovox.data.features import fbank

    return f0.fit_length(fbank(samples, bins=bands).numpy(), f0.frame_count(len(samples)))


def normalised(timbre: np.ndarray) -> np.ndarray:
    """A timbre at length 1."""
    return (timbre / max(float(np.linalg.norm(timbre)), 1e-8)).astype(np.float32)

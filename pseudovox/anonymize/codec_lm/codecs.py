"""Codecs: speech to codes of several codebooks and back, whatever kind the model is.

codec = codecs.load(folder)
codes = codec.encode(samples)             # int64 (frames, codebooks)
speech = codec.decode(codes, len(samples))
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch

from pseudovox.components import f0, world
from pseudovox.config import F0
from pseudovox.models import store

WORLD, ENCODEC = "world_codec", "encodec"  # kinds of models
SAMPLE_RATE = 16000
LEVEL = -26.0  # decibels re full scale, of speech before it is coded
VOICED = 0.5


class Codec(Protocol):
    """What a codec is.

    Attributes:
        rate: frames a second.
        codes, codebooks: sizes.
    """

    rate: float
    codes: int
    codebooks: int

    def frames(self, samples: int) -> int:
        """Frames of so many samples at 16 kHz."""

    def encode(self, samples: np.ndarray) -> np.ndarray:
        """Codes int64 (frames, codebooks) of float32 (samples,) at 16 kHz."""

    def decode(self, codes: np.ndarray, samples: int) -> np.ndarray:
        """Speech float32 (samples,) at 16 kHz of codes (frames, 1 to codebooks)."""


def load(model: Path, device: str = "cpu") -> Codec:
    """The codec of a model dir.

    Raises:
        MissingModelError, DataError: as store.load.
    """
    network, facts = store.load(model, WORLD, ENCODEC, device=device)
    kind = store.read_card(model, WORLD, ENCODEC)["kind"]
    return WorldFrames(network, facts, device) if kind == WORLD else Encodec(network, device)


def frame_count(samples: int, stack: int) -> int:
    """Frames of the codec of WORLD frames."""
    return -(-f0.frame_count(samples) // stack)


def frames_of(samples: np.ndarray, options: F0, coefficients: int, stack: int) -> np.ndarray:
    """What the codec of WORLD frames codes.

    Args:
        samples: float32 (samples,) at 16 kHz.
        options: of the F0.
        coefficients: of the coded envelope.
        stack: WORLD frames in a frame.

    Returns:
        float32 (frames, stack * (3 + coefficients)): of each WORLD frame log F0 (interpolated where unvoiced), voicing
        (0 or 1), aperiodicity and envelope.
    """
    levelled = world.set_speech_level(samples, LEVEL)
    contour = f0.extract(levelled, options)
    analysis = world.analyse(levelled, contour, coefficients)
    log_f0, voiced = f0.interpolate(contour)
    if not voiced.any():
        log_f0 = np.full_like(log_f0, np.log(150.0))
    single = np.concatenate([log_f0[:, None], voiced[:, None], analysis.aperiodicity, analysis.envelope], 1)
    count = frame_count(len(samples), stack)
    return f0.fit_length(single.astype(np.float32), count * stack).reshape(count, -1)


class WorldFrames:
    """Our codec of WORLD frames.

    Args:
        network: models.codec_lm.world_codec.WorldCodec.
        facts: of its model.
        device: torch device.
    """

    def __init__(self, network: Any, facts: dict[str, Any], device: str = "cpu") -> None:
        self.network, self.device = network, device
        self.stack, self.coefficients = int(facts["stack"]), int(facts["coefficients"])
        self.options = F0(**facts["f0"])
        self.rate = world.FRAMES_PER_SECOND / self.stack
        self.codes, self.codebooks = int(network.codes), int(network.codebooks)

    def frames(self, samples: int) -> int:
        """See Codec."""
        return frame_count(samples, self.stack)

    def encode(self, samples: np.ndarray) -> np.ndarray:
        """See Codec."""
        frames = frames_of(samples, self.options, self.coefficients, self.stack)
        return self.network.encode(torch.from_numpy(frames).to(self.device)).cpu().numpy()  # type: ignore[no-any-return]

    def decode(self, codes: np.ndarray, samples: int) -> np.ndarray:
        """See Codec."""
        frames = self.network.decode(torch.from_numpy(np.ascontiguousarray(codes)).to(self.device)).cpu().numpy()
        single = frames.reshape(-1, 3 + self.coefficients)
        limits = np.log([self.options.floor, self.options.ceiling])
        contour = np.where(single[:, 1] > VOICED, np.exp(np.clip(single[:, 0], *limits)), 0.0).astype(np.float32)
        count = f0.frame_count(samples)
        analysis = world.Analysis(single[:, 3:], single[:, 2:3])
        return world.synthesize(analysis, f0.fit_length(contour, count), samples)


class Encodec:
    """EnCodec of 24 kHz (Défossez et al. 2022), in transformers.

    Args:
        network: models.codec_lm.encodec.Encodec.
        device: torch device.
    """

    def __init__(self, network: Any, device: str = "cpu") -> None:
        self.network, self.device = network, device
        self.rate, self.codes, self.codebooks = float(network.rate), int(network.codes), int(network.codebooks)

    def frames(self, samples: int) -> int:
        """See Codec."""
        return max(1, math.ceil(samples / SAMPLE_RATE * self.rate))

    def encode(self, samples: np.ndarray) -> np.ndarray:
        """See Codec."""
        return self.network.encode(torch.from_numpy(samples).to(self.device)).cpu().numpy()  # type: ignore[no-any-return]

    def decode(self, codes: np.ndarray, samples: int) -> np.ndarray:
        """See Codec."""
        found = self.network.decode(torch.from_numpy(np.ascontiguousarray(codes)).to(self.device)).cpu().numpy()
        return np.pad(found, (0, max(0, samples - len(found))))[:samples].astype(np.float32)  # type: ignore[no-any-return]

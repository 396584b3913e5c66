"""Training of the tracker of formants and F0 (models/spectrum_tracker.py): what Praat says of real speech, distilled.

Praat finds formants by linear prediction (Burg) and F0 by autocorrelation, neither of which has a gradient. The tracker
learns from log-mel frames what Praat found in the same frames, and is then looked through by losses.
"""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.nn import functional

from pseudovox.anonymize.hle_vqvae.spectra import KALDI_BANDS, KALDI_FLOOR
from pseudovox.components import content, f0
from pseudovox.core import seeds
from pseudovox.data import audio
from pseudovox.data.praat import import_praat
from pseudovox.models import store
from pseudovox.models.spectrum_tracker import KIND, SpectrumTracker
from pseudovox.training.aligned import split
from pseudovox.training.data import FeatureCache, cut
from pseudovox.training.fit import Learner, finish, fit
from pseudovox.training.voice_chunks import Batch, stacked

if TYPE_CHECKING:
    from pseudovox.anonymize.hle_vqvae.options import Formants
    from pseudovox.config import F0
    from pseudovox.data.datadir import DataDir

log = logging.getLogger("pseudovox")
Key = tuple[int, str]  # number of the data dir, utterance
STEP = 0.01  # seconds from frame to frame
WINDOW, PREEMPHASIS = 0.025, 50.0  # seconds and Hz, Praat's usual settings
FORMANTS, KEPT = 5, 3  # that Praat looks for, and that are learned
VALIDATION_SEGMENTS = 8  # of each held-out speaker, while training


def praat_formants(samples: np.ndarray, frames: int, highest: float) -> np.ndarray:
    """F1 to F3 by Praat (Burg's method) at the middles of Kaldi's frames.

    Args:
        samples: (samples,) at 16 kHz.
        frames: how many, every 10 ms from 5 ms on.
        highest: Hz, of Praat's five formants.

    Returns:
        float32 (frames, 3) in Hz; 0 where Praat found none, and in speech shorter than its window.
    """
    parselmouth = import_praat("the tracker of formants", "--set system.options.losses.formants.weight=0")
    sound = parselmouth.Sound(np.ascontiguousarray(samples, np.float64), f0.SAMPLE_RATE)
    try:
        found = sound.to_formant_burg(
            time_step=STEP, max_number_of_formants=FORMANTS, maximum_formant=highest, window_length=WINDOW,
            pre_emphasis_from=PREEMPHASIS,
        )  # fmt: skip
    except parselmouth.PraatError:
        return np.zeros((frames, KEPT), np.float32)
    tracks = [parselmouth.praat.call(found, "To Matrix", number + 1).values[0] for number in range(KEPT)]
    times = STEP * (np.arange(frames) + 0.5)
    places = np.round((times - found.x1) / found.dx).astype(int)
    inside = (places >= 0) & (places < found.n_frames)
    values = np.stack(tracks, 1)[np.clip(places, 0, found.n_frames - 1)]
    return np.where(inside[:, None], np.nan_to_num(values), 0.0).astype(np.float32)


class TrackBatches:
    """Numbered batches of segments: frames (B, T, 80), and what Praat says (B, T, 4), F1 to F3 and F0, 0 = nothing.

    Args:
        data: data dirs.
        options: of the tracker.
        pitch: section `f0`; Praat's method is taken whatever it says.
        seed: of every draw.
    """

    def __init__(self, data: Sequence[DataDir], options: Formants, pitch: F0, seed: int) -> None:
        self.data, self.options, self.seed = list(data), options, seed
        self.pitch = dataclasses.replace(pitch, method="praat")
        most = options.most_of_speaker
        keys = [
            (number, utterance)
            for number, part in enumerate(data)
            for own in part.spk2utt.values()
            for utterance in (own[:most] if most else own)
        ]
        self.train, self.held_out = split(data, sorted(keys), options.held_out, seed)
        self.genders: dict[str, str] = {}
        for part in data:
            self.genders.update(part.tables.get("spk2gender", {}))
        self.cache: FeatureCache[Key, tuple[np.ndarray, np.ndarray]] = FeatureCache(self._compute)

    def _compute(self, key: Key) -> tuple[np.ndarray, np.ndarray]:
        part = self.data[key[0]]
        samples = audio.load(part, key[1])
        frames = content.log_mel(samples, KALDI_BANDS, KALDI_FLOOR).numpy()
        gender = self.genders.get(part.utt2spk[key[1]], "f")
        formants = praat_formants(samples, len(frames), self.options.highest[gender])
        half = f0.FRAME_SHIFT // 2  # Kaldi's frames are centred half a shift later
        contour = f0.fit_length(f0.extract(samples[half:] if len(samples) > half else samples, self.pitch), len(frames))
        return frames.astype(np.float16), np.concatenate([formants, contour[:, None]], 1)

    def statistics(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Mean and standard deviation (80,) of some 200 training utterances."""
        some = self.train[:: max(1, len(self.train) // 200)]
        frames = np.concatenate([self.cache[key][0].astype(np.float32) for key in some])
        return torch.from_numpy(frames.mean(0)), torch.from_numpy(np.maximum(frames.std(0), 1e-3))

    def batch(self, index: int) -> Batch:
        """The index-th batch."""
        draw = seeds.generator(self.seed, "formants-batch", str(index))
        chosen = draw.integers(len(self.train), size=self.options.training.batch_size)
        return stacked([
            self._segment(self.train[number], place)
            for number, place in zip(chosen, draw.random(len(chosen)), strict=True)
        ])  # fmt: skip

    def validation(self) -> list[Batch]:
        """The middles of some utterances of the held-out speakers."""
        counts: dict[str, int] = {}
        rows = []
        for key in self.held_out:
            speaker = self.data[key[0]].utt2spk[key[1]]
            counts[speaker] = counts.get(speaker, 0) + 1
            if counts[speaker] <= VALIDATION_SEGMENTS:
                rows.append(self._segment(key, 0.5))
        return [stacked(rows)] if rows else []

    def _segment(self, key: Key, place: float) -> tuple[np.ndarray, np.ndarray]:
        frames, tracks = self.cache[key]
        start = int(place * max(1, len(frames) - self.options.segment_frames + 1))
        length = self.options.segment_frames
        return cut(frames, start, length).astype(np.float32), cut(tracks, start, length)


class TrackLearner(Learner):
    """Mean absolute error of the scaled tracks where Praat found them in voiced frames, and voicing's cross-entropy."""

    network: SpectrumTracker

    def loss(self, batch: Batch, stage: str) -> torch.Tensor:
        frames, tracks = batch
        raw = self.network.raw(frames)
        voiced = tracks[..., 3:] > 0
        known = (tracks > 0) & voiced
        natural = torch.cat([tracks[..., :3], tracks[..., 3:].clamp(min=1.0).log()], 2)
        wanted = (natural - self.network.centres) / self.network.scales
        errors = (raw[..., :4] - wanted).abs() * known
        total = errors.sum() / known.sum().clamp(min=1)
        return total + functional.binary_cross_entropy_with_logits(raw[..., 4:], voiced.float())


@torch.inference_mode()
def errors_of(
    network: SpectrumTracker, spoken: Sequence[tuple[np.ndarray, np.ndarray]], means: np.ndarray, segment: int
) -> dict[str, float]:
    """How near the tracker is to Praat.

    Args:
        network: on the CPU.
        spoken: frames (T, 80) and tracks (T, 4) of utterances.
        means: F1 to F3 (3,) of the training speech, Hz.
        segment: frames that go through at once, as in training.

    Returns:
        f1, f2, f3: mean absolute error in Hz over the voiced frames in which Praat found all; f1_of_mean, ...: the
        error of the training speech's means, to compare it with; f0: mean absolute error in semitones where both find
        voice; voicing: share of the frames in which both agree.
    """
    formants, means_off, semitones, agreed = [], [], [], []
    for frames, tracks in spoken:
        pieces = [network(piece[None]) for piece in torch.from_numpy(frames.astype(np.float32)).split(segment)]
        found = np.concatenate([piece.formants[0].numpy() for piece in pieces])
        pitch = np.concatenate([piece.f0[0].numpy() for piece in pieces])
        told = np.concatenate([piece.voiced[0].numpy() for piece in pieces]) > 0.5
        voiced = tracks[:, 3] > 0
        known = voiced & (tracks[:, :3] > 0).all(1)
        formants.append(np.abs(found - tracks[:, :3])[known])
        means_off.append(np.abs(means - tracks[:, :3])[known])
        both = voiced & told
        semitones.append(12 * np.abs(np.log2(pitch[both] / tracks[both, 3])))
        agreed.append(told == voiced)
    error, other = np.concatenate(formants).mean(0), np.concatenate(means_off).mean(0)
    return {
        **{f"f{number + 1}": round(float(one), 1) for number, one in enumerate(error)},
        **{f"f{number + 1}_of_mean": round(float(one), 1) for number, one in enumerate(other)},
        "f0": round(float(np.concatenate(semitones).mean()), 3),
        "voicing": round(float(np.concatenate(agreed).mean()), 4),
    }


def train(
    data: Sequence[DataDir], options: Formants, pitch: F0, seed: int, folder: Path, *, device: str
) -> dict[str, Any]:
    """Train a tracker and write its model dir.

    Args:
        data: training data dirs, with spk2gender.
        options: of the tracker.
        pitch: section `f0`, whose range of F0 is Praat's.
        seed: of every draw.
        folder: the model dir; checkpoints in it are gone on from, and removed in the end.
        device: "cpu" or "cuda".

    Returns:
        the model's facts.
    """
    batches = TrackBatches(data, options, pitch, seed)
    hyperparameters = {
        "bands": KALDI_BANDS, "channels": options.channels, "layers": options.layers, "heads": options.heads,
    }  # fmt: skip
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seeds.seed_for(seed, "formants-weights"))
        network: Any = store.build(KIND, hyperparameters)
    log.info(
        "tracker of formants: %d parameters, %d utterances, %d of unseen speakers",
        sum(parameter.numel() for parameter in network.parameters()), len(batches.train), len(batches.held_out),
    )  # fmt: skip
    batches.cache.warm([*batches.train, *batches.held_out], threads=options.training.threads)
    network.set_statistics(*batches.statistics())
    fit(TrackLearner(network, options.training, seed), batches, folder, device=device)
    network.cpu().eval()
    validation: dict[str, float] = {}
    if batches.held_out:
        seen = np.concatenate([batches.cache[key][1] for key in batches.train[:200]])
        known = (seen > 0).all(1)
        means = seen[known, :KEPT].mean(0) if known.any() else np.zeros(KEPT)
        spoken = [batches.cache[key] for key in batches.held_out]
        validation = errors_of(network, spoken, means, options.segment_frames)
    facts = {"segment_frames": options.segment_frames, "highest": options.highest, "validation": validation}
    finish(folder, network, kind=KIND, hyperparameters=hyperparameters, facts=facts)
    return facts

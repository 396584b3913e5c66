"""SQUIM objective (Kumar et al. 2023) by torchaudio: what would intrusive measures say, without the clean reference?

A network, trained on noisy speech of the DNS Challenge 2020, that guesses the STOI (0 to 1), wide-band PESQ (1 to 4.6)
and SI-SDR (decibels) that the speech would have against its clean self. It hears degradation; synthesized speech is
none of what it was trained on. Higher is better. The weights (28 MB, CC BY 4.0) must be in torchaudio's cache.
"""

from __future__ import annotations

import numpy as np

SHORTEST = 16000  # samples; shorter utterances are repeated up to that


class Judge:
    """Rates an utterance: float32 (3,): STOI, PESQ, SI-SDR."""

    def __init__(self) -> None:
        import torch
        import torchaudio

        from pseudovox.models import pretrained

        self.model = torchaudio.models.squim_objective_base()
        weights = pretrained.read_weights("SQUIM_OBJECTIVE")
        pretrained.load_into(self.model, weights, str(pretrained.cache_file("SQUIM_OBJECTIVE")))
        self.model.eval()
        self.torch = torch

    def __call__(self, samples: np.ndarray) -> np.ndarray:
        if not samples.any():
            return np.array([0.0, 1.0, 0.0], np.float32)  # it divides by the level; silence has none
        with self.torch.inference_mode():
            scores = self.model(self.torch.from_numpy(repeated(samples, SHORTEST))[None])
        return np.array([float(score) for score in scores], np.float32)


def repeated(samples: np.ndarray, shortest: int) -> np.ndarray:
    """A signal over and over, until it has `shortest` samples or more; float32."""
    return np.tile(samples, -(-shortest // len(samples))).astype(np.float32) if len(samples) < shortest else samples

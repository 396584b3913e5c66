"""DistillMOS (Stahl and Gamper 2025, "Distillation and Pruning for Scalable Self-Supervised Representation-Based Speech
Quality Assessment") by the package of that name: how natural would listeners find it?

A small network that learned to answer as a large one does, which was built on wav2vec 2.0 XLS-R and trained on
listeners' ratings of coded, transmitted, denoised and synthesized speech. It predicts the mean opinion score, 1 (bad)
to 5 (excellent), and hears a vocoder's artefacts that DNSMOS, trained on noise, does not. Clean read English
(20 utterances of LibriSpeech test-other) is 3.8. Level does not count. Windows of 7.68 s, at most 1 s apart, are
averaged; shorter utterances are followed by silence up to that, as in the package. The weights (17 MB; MIT) are in its
wheel.
"""

from __future__ import annotations

import contextlib
import io

import numpy as np

WINDOW = 122880  # samples
HOP = 16000  # samples, at most
TOGETHER = 8  # windows at once, so that a long recording needs no more memory than a short one


class Judge:
    """Rates an utterance: float32 (1,), the mean opinion score."""

    def __init__(self) -> None:
        import torch

        with contextlib.redirect_stdout(io.StringIO()):  # it prints where its weights lie
            import distillmos

            self.model = distillmos.ConvTransformerSQAModel(segmenting_in_forward=False)
        self.model.eval()
        self.torch = torch

    def __call__(self, samples: np.ndarray) -> np.ndarray:
        padded = np.pad(samples, (0, max(0, WINDOW - len(samples)))).astype(np.float32)
        beyond = len(padded) - WINDOW
        starts = [int(part * beyond) for part in np.linspace(0, 1, -(-beyond // HOP) + 1)]
        scores = []
        with self.torch.inference_mode():
            for first in range(0, len(starts), TOGETHER):
                windows = np.stack([padded[start : start + WINDOW] for start in starts[first : first + TOGETHER]])
                scores.append(self.model(self.torch.from_numpy(windows)).numpy().reshape(-1))
        return np.array([np.concatenate(scores).mean()], np.float32)

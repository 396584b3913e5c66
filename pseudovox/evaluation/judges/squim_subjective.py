"""SQUIM subjective (Kumar et al. 2023; NORESQA-MOS, Manocha and Kumar 2022) by torchaudio: how natural is it?

wav2vec 2.0 with a head, trained on listeners' ratings of synthesized and converted speech (BVCC) and of noisy speech
(DAPS): it guesses the mean opinion score, 1 (bad) to 5 (excellent), by comparing with a clean recording of anything
else. That recording is `judges.reference`, one for all systems; figures of different references cannot be compared. The
weights (360 MB, CC BY-NC 4.0) must be in torchaudio's cache.
"""

from __future__ import annotations

import numpy as np

from pseudovox.evaluation.judges.squim_objective import SHORTEST, repeated


class Judge:
    """Rates an utterance: float32 (1,), the mean opinion score.

    Args:
        reference: a recording of clean speech.
    """

    def __init__(self, reference: str) -> None:
        import torch
        import torchaudio

        from pseudovox.data.audio import load_file
        from pseudovox.models import pretrained

        self.reference = torch.from_numpy(repeated(load_file(reference), SHORTEST))
        self.model = torchaudio.models.squim_subjective_base()
        weights = pretrained.read_weights("SQUIM_SUBJECTIVE")
        pretrained.load_into(self.model, weights, str(pretrained.cache_file("SQUIM_SUBJECTIVE")))
        self.model.eval()
        self.torch = torch

    def __call__(self, samples: np.ndarray) -> np.ndarray:
        signal = self.torch.from_numpy(repeated(samples, SHORTEST))
        with self.torch.inference_mode():
            return self.model(signal[None], self.reference[None]).numpy().astype(np.float32)

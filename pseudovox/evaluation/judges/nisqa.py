"""NISQA 2.0 (Mittag et al. 2021, "NISQA: A deep CNN-self-attention model for multidimensional speech quality
prediction with crowdsourced datasets") by the package torchmetrics: how good would listeners find it, and why?

A network, trained on listeners' ratings of transmitted and distorted speech, that predicts the mean opinion score and
four dimensions of quality: noisiness, discontinuity, coloration, loudness. All go from 1 (bad) to 5 (excellent): a high
noisiness is little noise. It is not NISQA-TTS, another set of weights, for the naturalness of synthesized speech, whose
scores must not be compared with these.

torchmetrics is used, not a network of our own: it is maintained, comes with lightning, and reads the released file with
`weights_only`; librosa and requests, which it needs besides, other judges need as well. One thread takes 0.05 s for a
second of speech. What it does not do is done here: it would download the weights when it is first called, so they have
to be there before; it refuses speech below 0.15 s, which is repeated up to a second, and above 52 s, which is cut into
windows of equal length, whose scores are averaged.
"""

from __future__ import annotations

import numpy as np

from pseudovox.core.errors import DataError
from pseudovox.evaluation.judges.squim_objective import SHORTEST, repeated
from pseudovox.models import pretrained

SAMPLE_RATE = 16000
WINDOW = 50 * SAMPLE_RATE  # samples at most; the network takes 1300 segments of 40 ms
WEIGHTS = "NISQA"


class Judge:
    """Rates an utterance: float32 (5,): MOS, noisiness, discontinuity, coloration, loudness.

    Raises:
        MissingModelError: the weights are not there.
        DataError: the file is none of NISQA's weights.
    """

    def __init__(self) -> None:
        import torch
        from torchmetrics.functional.audio.nisqa import non_intrusive_speech_quality_assessment

        path = pretrained.weights_file(WEIGHTS)
        self.torch, self.rate = torch, non_intrusive_speech_quality_assessment
        try:
            self._rate(np.zeros(SHORTEST, np.float32))
        except Exception as error:  # torch raises many kinds on a damaged file, and on one of another network
            reason = " ".join(str(error).split())[:200]
            raise DataError(
                f"{path}: no weights of NISQA 2.0: {reason}", f"rm {path} && {pretrained.fetch_command(WEIGHTS)}"
            ) from None

    def __call__(self, samples: np.ndarray) -> np.ndarray:
        signal = repeated(samples, SHORTEST)
        parts = np.array_split(signal, -(-len(signal) // WINDOW))
        return np.stack([self._rate(part) for part in parts]).mean(0).astype(np.float32)

    def _rate(self, samples: np.ndarray) -> np.ndarray:
        return self.rate(self.torch.from_numpy(samples.astype(np.float32)), SAMPLE_RATE).numpy()

"""DNSMOS P.835 and P.808 (Reddy et al. 2021, 2022) by the package speechmos: how natural would listeners find it?

Networks that were trained on listeners' ratings of noisy and denoised speech; they predict mean opinion scores from 1
(bad) to 5 (excellent) of the speech (SIG), the background (BAK) and the whole (OVRL), and the older P.808 score of the
whole. They were not trained on synthesized or anonymized speech: they hear noise, buzz and distortion, not whether
the prosody is right. In recipes/mini they rate resynthesized speech (OVRL 2.6) above the noisier original (2.3).
Windows of 9.01 s; shorter utterances are repeated up to that, as the package does.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

SAMPLE_RATE = 16000
SCORES = ("sig_mos", "bak_mos", "ovrl_mos", "p808_mos")  # the package's names, in the order of a judgement


class Judge:
    """Rates an utterance: float32 (4,), 1 to 5, in the order of SCORES."""

    def __init__(self) -> None:
        import onnxruntime
        from speechmos import dnsmos

        models = Path(dnsmos.__file__).parent / "dnsmos_models"
        primary, p808 = str(models / "sig_bak_ovr.onnx"), str(models / "model_v8.onnx")
        self.model = dnsmos.DNSMOS(primary, p808)
        # Its sessions take all cores, which jobs would fight over, and sums then depend on how many there are.
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        for name, path in (("onnx_sess", primary), ("p808_onnx_sess", p808)):
            setattr(self.model, name, onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"]))

    def __call__(self, samples: np.ndarray) -> np.ndarray:
        rated = self.model(np.clip(samples, -1.0, 1.0), SAMPLE_RATE, False)
        return np.array([rated[name] for name in SCORES], np.float32)

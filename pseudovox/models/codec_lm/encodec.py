"""EnCodec of 24 kHz (Défossez et al. 2022) by transformers' EncodecModel, between samples at 16 kHz and codes.

Nothing is downloaded: the weights come from a model dir (steps/import_codec_lm.py).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from pseudovox.core.errors import MissingModelError

SAMPLE_RATE = 24000
OUTSIDE = 16000


class Encodec(nn.Module):
    """The network.

    Args:
        codebooks: of a frame; 8 are 6 kbit/s.
        config: of EncodecConfig, what differs from its defaults, which are those of the 24 kHz model.

    Raises:
        MissingModelError: transformers is not installed.
    """

    def __init__(self, *, codebooks: int = 8, config: dict[str, Any] | None = None) -> None:
        super().__init__()
        try:
            from transformers import EncodecConfig, EncodecModel
        except ImportError:
            raise MissingModelError(
                "EnCodec needs the package transformers, which is not installed", "pip install transformers"
            ) from None
        settings = EncodecConfig(**(config or {}))
        self.model: Any = EncodecModel(settings).eval()
        self.codebooks, self.codes, self.rate = codebooks, int(settings.codebook_size), float(settings.frame_rate)
        # kbit/s that give so many codebooks
        self.bandwidth = codebooks * settings.frame_rate * (settings.codebook_size - 1).bit_length() / 1000

    @torch.inference_mode()
    def encode(self, samples: torch.Tensor) -> torch.Tensor:
        """Codes int64 (frames, codebooks) of (samples,) at 16 kHz."""
        from torchaudio.functional import resample

        signal = resample(samples, OUTSIDE, SAMPLE_RATE)[None, None]
        layers = self.model.quantizer.encode(self.model.encoder(signal), self.bandwidth)  # (codebooks, 1, frames)
        return layers[:, 0].T  # type: ignore[no-any-return]

    @torch.inference_mode()
    def decode(self, codes: torch.Tensor) -> torch.Tensor:
        """Samples (samples,) at 16 kHz of codes int64 (frames, 1 to codebooks)."""
        from torchaudio.functional import resample

        speech = self.model.decoder(self.model.quantizer.decode(codes.T[:, None]))[0, 0]
        return resample(speech, SAMPLE_RATE, OUTSIDE)

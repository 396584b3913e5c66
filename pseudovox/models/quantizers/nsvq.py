"""Kind nsvq: the quantisation error is replaced by noise of the same length, so that no loss of its own is needed.

Vali and Bäckström 2022, "NSVQ: Noise substitution in vector quantization for machine learning".
"""

from __future__ import annotations

import torch

from pseudovox.models.quantizers.interface import noise_substituted, register
from pseudovox.models.quantizers.vq_plain import PlainQuantizer


@register("nsvq")
class NoiseSubstitution(PlainQuantizer):
    """In training the next layer gets the vectors with noise as long as their errors; codewords in inference.

    `commitment` is 0: the codebook learns from the loss of the network around it. Dead codewords are replaced as in
    vq_plain. Trained by itself it is vq_plain: the length of the noise, and so the squared error, is the same.
    """

    def _loss(self, vectors: torch.Tensor, codes: torch.Tensor, counted: torch.Tensor | None) -> torch.Tensor:
        return vectors.new_zeros(())

    def _passed_on(self, vectors: torch.Tensor, codes: torch.Tensor) -> torch.Tensor:
        return noise_substituted(vectors, codes) if self.training else codes

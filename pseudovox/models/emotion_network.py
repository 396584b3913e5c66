"""Arousal, dominance and valence of speech by audeering's wav2vec 2.0 (Wagner et al. 2023, "Dawn of the Transformer Era
in Speech Emotion Recognition"): wav2vec 2.0 large robust with 12 layers, fine-tuned on MSP-Podcast 1.7.

The last layer's outputs are averaged over time (the embedding); a dense layer, tanh and a linear layer make the three
values of it, each about 0 to 1. The network is torchaudio's, as all others of its kind here are; the published file
is one of Hugging Face's names, which `own_weights` translates, so transformers is not needed. Its weights (CC BY-NC-SA
4.0) are on the user's machine: local/download.py WAV2VEC2_EMOTION_DIMENSIONS.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import nn

from pseudovox.metrics.dimensions import DIMENSIONS  # in the order of the published output
from pseudovox.models.wav2vec2 import CONTEXT_SECONDS, WHOLE_SECONDS, windows

WEIGHTS = "WAV2VEC2_EMOTION_DIMENSIONS"  # the name in models.pretrained
PUBLISHED: dict[str, Any] = {  # of torchaudio.models.wav2vec2_model
    "extractor_mode": "layer_norm",
    "extractor_conv_layer_config": [(512, 10, 5), *[(512, 3, 2)] * 4, *[(512, 2, 2)] * 2],
    "extractor_conv_bias": True,
    "encoder_embed_dim": 1024,
    "encoder_projection_dropout": 0.0,
    "encoder_pos_conv_kernel": 128,
    "encoder_pos_conv_groups": 16,
    "encoder_num_layers": 12,
    "encoder_num_heads": 16,
    "encoder_attention_dropout": 0.0,
    "encoder_ff_interm_features": 4096,
    "encoder_ff_interm_dropout": 0.0,
    "encoder_dropout": 0.0,
    "encoder_layer_norm_first": True,
    "encoder_layer_drop": 0.0,
    "aux_num_out": None,
}
_NAMES = {
    "wav2vec2.feature_extractor.": "model.feature_extractor.",
    "wav2vec2.feature_projection.": "model.encoder.feature_projection.",
    "wav2vec2.encoder.": "model.encoder.transformer.",
    "classifier.": "head.",
}
# Weight normalisation, as older versions of torch call its two tensors.
_NORMS = {"conv.weight_g": "conv.parametrizations.weight.original0",
          "conv.weight_v": "conv.parametrizations.weight.original1"}  # fmt: skip
_UNUSED = ("wav2vec2.masked_spec_embed",)  # of training


class EmotionDimensions(nn.Module):
    """The network.

    Args:
        parameters: of torchaudio.models.wav2vec2_model; the extractor must be one with layer normalisation.
    """

    def __init__(self, parameters: Mapping[str, Any] = PUBLISHED) -> None:
        super().__init__()
        import torchaudio

        width = int(parameters["encoder_embed_dim"])
        self.model: Any = torchaudio.models.wav2vec2_model(**parameters)
        self.head = nn.ModuleDict({"dense": nn.Linear(width, width), "out_proj": nn.Linear(width, len(DIMENSIONS))})
        strides = [int(stride) for _, _, stride in parameters["extractor_conv_layer_config"]]
        before = np.cumprod([1, *strides[:-1]])
        kernels = [int(kernel) for _, kernel, _ in parameters["extractor_conv_layer_config"]]
        self.hop = int(np.prod(strides))
        self.field = 1 + sum(int(step) * (kernel - 1) for step, kernel in zip(before, kernels, strict=True))

    @torch.inference_mode()
    def rate(
        self, samples: np.ndarray, device: str = "cpu", *, whole: float = WHOLE_SECONDS,
        context: float = CONTEXT_SECONDS,
    ) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
        """The values of DIMENSIONS, float32 (3,), and the embedding, float32 (width,), of an utterance.

        Args:
            samples: (samples,) at 16 kHz. The utterance is brought to mean 0 and deviation 1; silence stays 0.
            device: where the model is.
            whole: seconds; longer speech goes through in windows of that length, and all frames are averaged.
            context: seconds of a window on either side that do not count.
        """
        signal = torch.as_tensor(samples, dtype=torch.float32)
        signal = (signal - signal.mean()) / torch.sqrt(signal.var(correction=0) + 1e-7)
        signal = nn.functional.pad(signal, (0, max(0, self.field - len(signal)))).to(device)
        frames = [
            self.model(signal[None, start:stop])[0][0, kept]
            for start, stop, kept in windows(len(signal), self.hop, self.field, whole, context)
        ]
        embedding = torch.cat(frames).mean(0)
        values = self.head["out_proj"](torch.tanh(self.head["dense"](embedding)))
        return values.float().cpu().numpy(), embedding.float().cpu().numpy()


def own_weights(weights: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The published weights under the names of EmotionDimensions; names that it does not know stay as they are."""
    found = {}
    for name, tensor in weights.items():
        if name in _UNUSED:
            continue
        for theirs, ours in {**_NAMES, **_NORMS}.items():
            name = ours + name.removeprefix(theirs) if name.startswith(theirs) else name
            name = name.removesuffix(theirs) + ours if name.endswith(theirs) else name
        found[name] = tensor
    return found


def load(given: str = "", key: str = "") -> EmotionDimensions:
    """The network with the weights of a file, or those of `pretrained.cache_file`.

    Raises:
        MissingModelError, DataError: as pretrained.read_weights and load_into.
    """
    from pseudovox.models import pretrained

    network = EmotionDimensions()
    pretrained.load_into(network, own_weights(pretrained.read_weights(WEIGHTS, given, key)), given or WEIGHTS)
    return network.eval()

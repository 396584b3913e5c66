"""wav2vec 2.0 and its kin (HuBERT, WavLM) as torchaudio has them: waveform -> CTC log posteriors, or layers' features.

Long speech goes through in windows that overlap: attention takes memory with the square of the length. Utterances up
to WHOLE_SECONDS come whole.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

SAMPLE_RATE = 16000
WHOLE_SECONDS = 40.0  # up to this length an utterance comes whole
CONTEXT_SECONDS = 5.0  # of a window, on either side of what is kept of it


class Wav2vec2Network(nn.Module):
    """A wav2vec 2.0 model with the input normalisation it was trained with.

    Args:
        family: "Wav2Vec2" (also HuBERT) or "WavLM".
        parameters: of torchaudio.models.wav2vec2_model or wavlm_model.
        normalise: every utterance is brought to mean 0 and deviation 1 first.
    """

    def __init__(self, family: str, parameters: Mapping[str, Any], normalise: bool) -> None:
        super().__init__()
        import torchaudio

        make = {"Wav2Vec2": torchaudio.models.wav2vec2_model, "WavLM": torchaudio.models.wavlm_model}[family]
        self.model: Any = make(**parameters)
        self.normalise = normalise
        # Group normalisation of the first layer runs over time, so padding would show in the result.
        self.can_be_padded = parameters["extractor_mode"] == "layer_norm" and family == "Wav2Vec2"
        self.can_be_masked = parameters["extractor_mode"] == "layer_norm" and family == "WavLM"  # in `hidden`
        strides = [int(stride) for _, _, stride in parameters["extractor_conv_layer_config"]]
        kernels = [int(kernel) for _, kernel, _ in parameters["extractor_conv_layer_config"]]
        self.hop = int(np.prod(strides))  # samples a frame
        before = np.cumprod([1, *strides[:-1]])
        self.field = 1 + sum(int(step) * (kernel - 1) for step, kernel in zip(before, kernels, strict=True))

    @property
    def count(self) -> int:
        """Number of transformer layers."""
        return len(self.model.encoder.transformer.layers)

    @property
    def width(self) -> int:
        """Numbers per frame of a layer's output."""
        return int(self.model.encoder.feature_projection.projection.out_features)

    def prepared(self, samples: np.ndarray | torch.Tensor) -> torch.Tensor:
        """A signal as the model takes it: normalised, and long enough for one frame."""
        signal = torch.as_tensor(samples, dtype=torch.float32)
        if self.normalise:
            signal = nn.functional.layer_norm(signal, signal.shape)
        return nn.functional.pad(signal, (0, max(0, self.field - len(signal))))

    def forward(self, waveforms: torch.Tensor, lengths: torch.Tensor | None) -> tuple[torch.Tensor, torch.Tensor]:
        """Log posteriors of prepared signals.

        Args:
            waveforms: (batch, samples).
            lengths: (batch,) samples of each; None = all are whole.

        Returns:
            (float32 (batch, frames, units), (batch,) frames of each)
        """
        outputs, counts = self.model(waveforms, lengths)
        if counts is None:
            counts = torch.full((len(outputs),), outputs.shape[1], device=outputs.device)
        return outputs.float().log_softmax(-1), counts

    def hidden(
        self, waveforms: torch.Tensor, lengths: torch.Tensor, layers: Sequence[int]
    ) -> tuple[list[torch.Tensor], torch.Tensor]:
        """What chosen layers put out of prepared signals, counted from 1; 0 = the encoder's output.

        Of a WavLM of mode layer_norm (`can_be_masked`) a signal's frames do not depend on the padding behind it:
        padding is zero where positions are convolved, and no attention falls on it. (torchaudio's own `lengths` is
        an error in WavLM's attention.) Other networks take one signal at a time.

        Args:
            waveforms: (batch, samples), zeros behind a signal's end.
            lengths: (batch,) samples of each, a frame's at least.
            layers: from 0 to the number of layers; those above the highest are not computed. With pre-norm (the large
                models) the outputs of layers are not normalised, and 0 is the last one behind the encoder's norm.

        Returns:
            ((batch, frames, width) of each, in the order of `layers`; (batch,) frames of each signal)

        Raises:
            ValueError: several signals of different lengths for a network that cannot tell padding apart.
        """
        frames = (lengths - self.field) // self.hop + 1
        padded = bool((lengths != waveforms.shape[1]).any())
        if padded and not self.can_be_masked:
            raise ValueError("padding shows in the outputs of this network: signals one at a time")
        encoder, transformer = self.model.encoder, self.model.encoder.transformer
        signals, _ = self.model.feature_extractor(waveforms, None)
        states = encoder.feature_projection(signals)
        mask: torch.Tensor | None = None
        if padded:
            beyond = torch.arange(states.shape[1], device=states.device) >= frames[:, None]
            states = states.masked_fill(beyond[:, :, None], 0.0)
            mask = states.new_zeros(beyond.shape).masked_fill(beyond, -torch.inf)
        states = transformer._preprocess(states)
        last = self.count if 0 in layers else max(layers)
        found: dict[int, torch.Tensor] = {}
        bias: torch.Tensor | None = None
        for number, layer in enumerate(transformer.layers[:last], 1):
            states, bias = layer(states, None, position_bias=bias, key_padding_mask=mask)
            found[number] = states
        if 0 in layers:
            found[0] = states if transformer.layer_norm_first else transformer.layer_norm(states)
        return [found[number] for number in layers], frames

    @torch.inference_mode()
    def log_posteriors(
        self, signals: Sequence[np.ndarray], device: str, *, whole: float = WHOLE_SECONDS,
        context: float = CONTEXT_SECONDS,
    ) -> list[np.ndarray]:  # fmt: skip
        """Log posteriors (frames, units) of signals (samples,) at 16 kHz, one frame every 20 ms.

        Args:
            signals: together in a batch where that cannot show in the result and the device is no CPU, where padding
                costs more than it saves.
            device: where the model is.
            whole: seconds; longer signals go through in windows of that length.
            context: seconds of a window on either side that are left out of the result.
        """
        pieces: list[torch.Tensor] = []
        keep: list[list[tuple[int, slice]]] = []
        for samples in signals:
            signal = self.prepared(samples)
            keep.append([])
            for start, stop, kept in windows(len(signal), self.hop, self.field, whole, context):
                keep[-1].append((len(pieces), kept))
                pieces.append(signal[start:stop])
        outputs = [frames.cpu().numpy() for frames in self._outputs(pieces, device, max(map(len, pieces)))]
        return [np.concatenate([outputs[number][kept] for number, kept in parts]) for parts in keep]

    def _outputs(self, pieces: list[torch.Tensor], device: str, longest: int) -> list[torch.Tensor]:
        together = len(pieces) if self.can_be_padded and device != "cpu" else 1
        if longest * together > 4 * WHOLE_SECONDS * SAMPLE_RATE:  # the windows of one long utterance, some at a time
            together = max(1, int(4 * WHOLE_SECONDS * SAMPLE_RATE / longest))
        found = []
        for start in range(0, len(pieces), together):
            batch = [piece.to(device) for piece in pieces[start : start + together]]
            if len(batch) == 1:
                found.append(self(batch[0][None], None)[0][0])
                continue
            lengths = torch.tensor([len(piece) for piece in batch], device=device)
            outputs, counts = self(nn.utils.rnn.pad_sequence(batch, batch_first=True), lengths)
            found += [row[:count] for row, count in zip(outputs, counts.tolist(), strict=True)]
        return found

    @torch.inference_mode()
    def statistics(self, samples: np.ndarray, device: str, layer: int = 0) -> np.ndarray:
        """Mean and deviation over time of a layer's outputs, float32 (2 x width,).

        Args:
            samples: (samples,) at 16 kHz; only the first WHOLE_SECONDS count.
            device: where the model is.
            layer: counted from 1; 0 = the last.
        """
        signal = self.prepared(samples[: int(WHOLE_SECONDS * SAMPLE_RATE)]).to(device)
        features = self.model.extract_features(signal[None], None, layer or None)[0][-1][0]
        return torch.cat([features.mean(0), features.std(0, correction=0)]).float().cpu().numpy()


def windows(samples: int, hop: int, field: int, whole: float, context: float) -> list[tuple[int, int, slice]]:
    """Windows (start, stop, frames to keep) over a signal, so that the kept frames put together are all of its frames.

    Args:
        samples: length of the signal.
        hop, field: samples between frames, and samples that a frame sees.
        whole: seconds; a signal up to this length is one window.
        context: seconds of a window on either side that are not kept.
    """
    frames = (samples - field) // hop + 1
    longest, margin = int(whole * SAMPLE_RATE) // hop, int(context * SAMPLE_RATE) // hop
    if frames <= longest:
        return [(0, samples, slice(0, frames))]
    kept = max(1, longest - 2 * margin)
    found = []
    for first in range(0, frames, kept):
        last = min(first + kept, frames)
        start, stop = max(0, first - margin), min(frames, last + margin)
        found.append((start * hop, (stop - 1) * hop + field, slice(first - start, last - start)))
    return found


def from_bundle(bundle: Any) -> dict[str, Any]:
    """The hyperparameters of Wav2vec2Network for a bundle of torchaudio.pipelines."""
    return {"family": bundle._model_type, "parameters": bundle._params, "normalise": bundle._normalize_waveform}


def own_weights(bundle: Any, weights: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """A bundle's weights as the network names them.

    The output layers of the published recognisers have rows for symbols that text has none of (begin, end, unknown;
    torchaudio leaves them out too).
    """
    found = dict(weights)
    rows = tuple(getattr(bundle, "_remove_aux_axis", ()))
    wanted = bundle._params.get("aux_num_out")
    for name in ("aux.weight", "aux.bias"):
        if name in found and wanted and len(found[name]) == wanted + len(rows):
            found[name] = found[name][[row for row in range(len(found[name])) if row not in rows]]
    return {f"model.{name}": tensor for name, tensor in found.items()}

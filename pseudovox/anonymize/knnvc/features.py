"""Features for kNN voice conversion: chosen layers of WavLM or HuBERT, of Whisper's encoder, or of a content extractor.

    extract = features.load(options.features, layers=(6, 24))
    (sixth, last), = extract([samples])              # float32 (frames, dimension) each

An utterance's features do not depend on what it shares a batch with (to rounding), nor on the size of the blocks in
which long speech is worked out beyond what `wav2vec2.windows` and Whisper's 30 s leave.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
import torch

from pseudovox.components import content
from pseudovox.core.errors import UsageError
from pseudovox.models import pretrained, wav2vec2, whisper

if TYPE_CHECKING:
    from pseudovox.anonymize.knnvc.options import Features

SAMPLE_RATE = 16000
BUNDLES = {"wavlm": "WAVLM_LARGE", "hubert": "HUBERT_BASE"}  # of torchaudio.pipelines
KEY = "system.options.features"
LONGEST_BATCH = 160.0  # padded seconds that go through a transformer together, at most


class Extractor(Protocol):
    """What gives features of speech.

    Attributes:
        frame_shift: seconds from frame to frame.
        offset: time in seconds of the middle of the first frame.
        layers: which ones are given; 0 = the network's own output.
        dimensions: numbers per frame of each layer.
    """

    frame_shift: float
    offset: float
    layers: tuple[int, ...]
    dimensions: tuple[int, ...]

    def __call__(self, signals: Sequence[np.ndarray]) -> list[tuple[np.ndarray, ...]]:
        """For each signal, float32 (samples,) at 16 kHz, the layers' float32 (frames, dimension), in their order."""


def load(
    options: Features, *, layers: Sequence[int] | None = None, bottleneck: Path | None = None, device: str = "cpu"
) -> Extractor:
    """The extractor that the options name.

    Args:
        options: kind, layer and weights.
        layers: several layers at once, in the place of `options.layer`.
        bottleneck: model dir of the content extractor, for kind bottleneck without weights of its own.
        device: torch device.

    Raises:
        UsageError: a layer that the network does not have, or no content extractor was given.
        MissingModelError: the weights are not there; DataError: they are damaged, or another network's.
    """
    options.check()
    wanted = tuple(layers) if layers is not None else (options.layer,)
    if options.kind in BUNDLES:
        name = BUNDLES[options.kind]
        bundle = pretrained.bundle_of(name)
        network = wav2vec2.Wav2vec2Network(**wav2vec2.from_bundle(bundle))
        weights = pretrained.read_weights(name, options.weights, f"{KEY}.weights")
        source = str(pretrained.weights_file(name, options.weights))
        pretrained.load_into(network, wav2vec2.own_weights(bundle, weights), source)
        return TransformerLayers(network, wanted, device)
    if options.kind == "whisper":
        return WhisperLayers(whisper.load(whisper.find(options.weights or "base")), wanted, device)
    folder = Path(options.weights) if options.weights else bottleneck
    if folder is None:
        raise UsageError("features of kind bottleneck: which content extractor was not said (--bottleneck)")
    return BottleneckLayers(content.Extractor(folder, device), wanted)


def source_of(options: Features, bottleneck: Path | None = None) -> Path:
    """The file or folder that the features are made with: an input of whoever uses them.

    Raises:
        as `load`, for weights that are not there.
    """
    options.check()
    if options.kind in BUNDLES:
        return pretrained.weights_file(BUNDLES[options.kind], options.weights, f"{KEY}.weights")
    if options.kind == "whisper":
        return whisper.find(options.weights or "base") / "model.bin"
    folder = Path(options.weights) if options.weights else bottleneck
    if folder is None:
        raise UsageError("features of kind bottleneck: which content extractor was not said (--bottleneck)")
    return folder


def _check_layers(layers: tuple[int, ...], count: int, name: str) -> None:
    for layer in layers:
        if not 0 <= layer <= count:
            raise UsageError(f"{KEY}.layer {layer}: {name} has layers 1 to {count}, and 0, its own output")


class TransformerLayers:
    """Layers of WavLM (or wav2vec 2.0, HuBERT), as their blocks put them out; 0 = behind the encoder's last norm.

    No input normalisation. Frames of padding are zero where positions are convolved, as what lies beyond an utterance
    is, and no attention falls on them, so a batch changes nothing. Longer than `wav2vec2.WHOLE_SECONDS`, speech goes
    through in windows.

    Args:
        network: with float weights.
        layers: which ones, 0 to the number of blocks.
        device: torch device.
    """

    frame_shift = 0.02
    offset = 0.0125  # 400 samples of a frame

    def __init__(self, network: wav2vec2.Wav2vec2Network, layers: tuple[int, ...], device: str = "cpu") -> None:
        self.network = network.eval().requires_grad_(False).to(device)
        self.layers, self.device = layers, device
        count = network.count
        _check_layers(layers, count, "the network")
        self.dimensions = (network.width,) * len(layers)

    @torch.inference_mode()
    def __call__(self, signals: Sequence[np.ndarray]) -> list[tuple[np.ndarray, ...]]:
        network = self.network
        pieces: list[torch.Tensor] = []
        keep: list[list[tuple[int, slice]]] = []
        for samples in signals:
            signal = network.prepared(samples)
            keep.append([])
            cuts = wav2vec2.windows(
                len(signal), network.hop, network.field, wav2vec2.WHOLE_SECONDS, wav2vec2.CONTEXT_SECONDS
            )
            for start, stop, kept in cuts:
                keep[-1].append((len(pieces), kept))
                pieces.append(signal[start:stop])
        outputs = self._outputs(pieces)
        return [
            tuple(
                np.concatenate([outputs[number][at][kept] for number, kept in parts]) for at in range(len(self.layers))
            )
            for parts in keep
        ]

    def _outputs(self, pieces: list[torch.Tensor]) -> list[list[np.ndarray]]:
        """Of each piece, its layers; pieces of like length share a batch where padding cannot show."""
        found: dict[int, list[np.ndarray]] = {}
        order = sorted(range(len(pieces)), key=lambda number: (-len(pieces[number]), number))
        together = self.network.can_be_masked and self.device != "cpu"  # (on a CPU padding costs more than it saves)
        while order:
            most = max(1, int(LONGEST_BATCH * SAMPLE_RATE / len(pieces[order[0]]))) if together else 1
            numbers, order = order[:most], order[most:]
            batch = [pieces[number].to(self.device) for number in numbers]
            padded = torch.nn.utils.rnn.pad_sequence(batch, batch_first=True)
            lengths = torch.tensor([len(piece) for piece in batch], device=self.device)
            outputs, frames = self.network.hidden(padded, lengths, self.layers)
            for row, number in enumerate(numbers):
                found[number] = [layer[row, : frames[row]].float().cpu().numpy() for layer in outputs]
        return [found[number] for number in range(len(pieces))]


class WhisperLayers:
    """Layers of Whisper's encoder, as its blocks put them out; 0 = behind its last norm. Windows of at most 30 s.

    Args:
        encoder: with weights.
        layers: which ones, 0 to the number of blocks.
        device: torch device.
    """

    frame_shift = whisper.FRAME_SHIFT / SAMPLE_RATE
    offset = 0.0

    def __init__(self, encoder: whisper.WhisperEncoder, layers: tuple[int, ...], device: str = "cpu") -> None:
        self.encoder = encoder.eval().requires_grad_(False).to(device)
        self.layers, self.device = layers, device
        _check_layers(layers, len(encoder.layers), "Whisper's encoder")
        self.dimensions = (encoder.positions.shape[1],) * len(layers)
        self.longest = int(min(whisper.LONGEST_SECONDS * SAMPLE_RATE, len(encoder.positions) * whisper.FRAME_SHIFT))

    @torch.inference_mode()
    def __call__(self, signals: Sequence[np.ndarray]) -> list[tuple[np.ndarray, ...]]:
        return [self._of(torch.as_tensor(samples, dtype=torch.float32)) for samples in signals]

    def _of(self, samples: torch.Tensor) -> tuple[np.ndarray, ...]:
        parts = [self.encoder.hidden(part[None].to(self.device), self.layers) for part in samples.split(self.longest)]
        return tuple(torch.cat([part[at][0] for part in parts]).cpu().numpy() for at in range(len(self.layers)))


class BottleneckLayers:
    """Hidden layers of a content extractor; 0 = its bottleneck, as the synthesizer gets it.

    Layers 1, 2, ... are those with `dilations`, in their order; the one above them is the last hidden layer, from which
    phones are told.

    Args:
        extractor: of the model dir.
        layers: which ones.
    """

    def __init__(self, extractor: content.Extractor, layers: tuple[int, ...]) -> None:
        self.extract, self.layers = extractor, layers
        network = extractor.network
        self.frame_shift = float(extractor.facts["frame_shift_seconds"])
        self.offset = self.frame_shift / 2
        _check_layers(layers, len(network.layers) + 1, "the content extractor")
        width = network.widen.out_channels
        self.dimensions = tuple(width if layer else network.dimension for layer in layers)

    def __call__(self, signals: Sequence[np.ndarray]) -> list[tuple[np.ndarray, ...]]:
        return [self.extract.hidden(samples, self.layers) for samples in signals]

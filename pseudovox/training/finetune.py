"""Fine-tuning of a recogniser of others on anonymized speech: wav2vec 2.0 by CTC, its convolutions left as they are.

As Baevski et al. (2020, sec. 4.3 and appendix B) fine-tune: the feature encoder is not trained. Their masking of the
encoder's outputs is done on the waveform, where torchaudio's model can be reached: stretches of it are blanked out.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from pseudovox.core import seeds
from pseudovox.core.errors import DataError
from pseudovox.data import audio
from pseudovox.metrics.wer import normalise
from pseudovox.models import store
from pseudovox.models.wav2vec2 import SAMPLE_RATE, WHOLE_SECONDS, Wav2vec2Network
from pseudovox.training.ctc import ctc_loss, on_host
from pseudovox.training.fit import Learner, finish, fit
from pseudovox.training.transcribed import Key, TranscribedUtterances, unit_error_rate

if TYPE_CHECKING:
    from pseudovox.config import Recognizer
    from pseudovox.data.datadir import DataDir

log = logging.getLogger("pseudovox")
BLANKED_SECONDS = 0.2  # longest stretch that is blanked out
BLANKED_SHARE = 0.1  # of an utterance, at most


class WaveformBatches(TranscribedUtterances):
    """Numbered batches of whole waveforms: `waveforms` (batch, samples), `lengths`, `targets`, `target_lengths`.

    Args:
        data: data dirs with text, which is spelt in capitals without punctuation, as LibriSpeech's.
        units: of the network.
        options: section `recognizer`.
        seed: of every draw.
        prepared: a signal as the network takes it.
    """

    def __init__(
        self, data: Sequence[DataDir], units: Sequence[str], options: Recognizer, seed: int, prepared: Any
    ) -> None:
        read = functools.partial(normalise, how="words")
        super().__init__(data, units, options, seed, read=read, longest=WHOLE_SECONDS, boundary_last=True)
        self.prepared = prepared
        if not self.train:
            raise DataError(
                f"{', '.join(str(part.path) for part in data)}: nothing to learn from: {len(self.left_out)} utterances "
                f"were left out, those over {WHOLE_SECONDS:.0f} s and those with characters that the recogniser lacks",
                "give shorter speech, with English text",
            )

    def batch(self, index: int) -> dict[str, torch.Tensor]:
        """The index-th batch, stretches of it blanked out."""
        draw = seeds.generator(self.seed, "recognizer-batch", str(index))
        return self._collate(self.keys(index), draw)

    def validation(self) -> list[dict[str, torch.Tensor]]:
        """Batches of the held-out utterances as they are."""
        return [self._collate(keys, None) for keys in self.validation_keys()]

    def _collate(self, keys: Sequence[Key], draw: np.random.Generator | None) -> dict[str, torch.Tensor]:
        signals = []
        for number, utterance in keys:
            samples = audio.load(self.data[number], utterance)
            if draw is not None:
                samples = blank_out(samples, draw)
            signals.append(self.prepared(samples))
        return {
            "waveforms": torch.nn.utils.rnn.pad_sequence(signals, batch_first=True),
            "lengths": torch.tensor([len(signal) for signal in signals]),
            **self.target_tensors(keys),
        }


def blank_out(samples: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    """A copy of float (samples,) with up to BLANKED_SHARE of it, in stretches up to BLANKED_SECONDS, set to zero."""
    samples = samples.copy()
    left = int(draw.uniform(0, BLANKED_SHARE) * len(samples))
    while left > 0:
        length = min(left, int(draw.integers(1, int(BLANKED_SECONDS * SAMPLE_RATE) + 1)))
        start = int(draw.integers(0, len(samples) - length + 1))
        samples[start : start + length] = 0.0
        left -= length
    return samples


class FinetuneLearner(Learner):
    """CTC; validation adds the unit error rate."""

    network: Wav2vec2Network

    def loss(self, batch: Any, stage: str) -> torch.Tensor:
        log_posteriors, counts = self._forward(batch["waveforms"], batch["lengths"])
        lengths = on_host(batch, "lengths")
        frames = (lengths - self.network.field) // self.network.hop + 1 if self.network.can_be_padded else counts
        value = ctc_loss(log_posteriors, batch, frames)
        if stage == "valid":
            self.log("valid/unit_errors", unit_error_rate(log_posteriors.detach(), counts, batch), batch_size=1)
        return value

    def _forward(self, waveforms: torch.Tensor, lengths: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        if self.network.can_be_padded:
            return self.network(waveforms, lengths)  # type: ignore[no-any-return]
        rows = [self.network(row[None, :length], None)[0][0] for row, length in zip(waveforms, lengths, strict=True)]
        counts = torch.tensor([len(row) for row in rows], device=waveforms.device)
        return torch.nn.utils.rnn.pad_sequence(rows, batch_first=True), counts


def finetune(
    data: Sequence[DataDir], options: Recognizer, initial: Path, folder: Path, *, seed: int, device: str
) -> dict[str, int]:
    """Train a recogniser on, from a model dir of `import_bundle`; write another.

    Args:
        data: data dirs with text, normally as a system anonymized them.
        options: section `recognizer`; of its `training` a learning rate of some 1e-5 is usual.
        initial: the model dir to begin with.
        folder: gets model.json, weights.safetensors, and the training's checkpoints until it has ended.
        seed: of every draw.
        device: "cpu" or "cuda".

    Returns:
        Counts: utterances, left_out, parameters.
    """
    network, facts = store.load(initial, "wav2vec2")
    network.model.feature_extractor.requires_grad_(False)
    batches = WaveformBatches(data, facts["units"], options, seed, network.prepared)
    if batches.left_out:
        log.info("%d utterances left out: too long, or with characters that are no units", len(batches.left_out))
    fit(FinetuneLearner(network, options.training, seed), batches, folder, device=device)
    card = store.read_card(initial, "wav2vec2")
    facts = {**facts, "finetuned": True}
    finish(folder, network, kind="wav2vec2", hyperparameters=card["hyperparameters"], facts=facts)
    return {
        "utterances": len(batches.train) + len(batches.held_out),
        "left_out": len(batches.left_out),
        "parameters": sum(parameter.numel() for parameter in network.parameters()),
    }

"""Recognition of utterances: network and decoder in a worker process, and the hypotheses as text."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pseudovox.components.recognition.language_model import LANGUAGE_MODEL, read_arpa
from pseudovox.components.recognition.lexicon_decoder import LexiconDecoder, decode_greedy
from pseudovox.core.errors import UsageError
from pseudovox.data.datadir import bytewise, write_atomic
from pseudovox.data.utterance import read_audio
from pseudovox.models import store
from pseudovox.models.recognizer import BLANK, BOUNDARY, input_features, spell
from pseudovox.stage.device import Fetched, to_device

if TYPE_CHECKING:
    from pseudovox.config import Decoder
    from pseudovox.stage import Utterance

DECODERS = ("lexicon", "greedy")
HYPOTHESES = "hyp"  # file of the recognised words, a table like `text`


def vocabulary(model: Path, options: Decoder) -> list[str]:
    """What the numbers in decoded arrays stand for: the decoder's words, or the network's units when greedy.

    Raises:
        UsageError: an unknown kind of decoder, or a lexicon is asked for and the model has no words.
    """
    if options.kind not in DECODERS:
        raise UsageError(f"decoder.kind {options.kind!r}, expected one of {', '.join(DECODERS)}")
    units: list[str] = store.read_card(model, *store.RECOGNIZERS)["facts"]["units"]
    if options.kind == "greedy":
        return units
    if not (model / LANGUAGE_MODEL).is_file():
        raise UsageError(
            f"decoder.kind {options.kind}: {model} has no words ({LANGUAGE_MODEL})", "--set decoder.kind=greedy"
        )
    known = set(units)
    return [word for word in read_arpa(model / LANGUAGE_MODEL).words if known.issuperset(word)]


class RecognizeWorker:
    """Recognises utterances; gives {"tokens": (1 + n,)}: the score, then n numbers into `vocabulary`.

    Args:
        model: the recogniser's model dir.
        options: section `decoder`.
    """

    def __init__(self, model: Path, options: Decoder, *, device: str = "cpu") -> None:
        self.network, facts = store.load(model, *store.RECOGNIZERS, device=device)
        self.device = device
        self.floor_decibels: float = facts.get("floor_decibels", 0.0)
        # None: it reads the waveform.
        self.bins = store.read_card(model, *store.RECOGNIZERS)["hyperparameters"].get("mel_bins")
        words = vocabulary(model, options)
        self.decoder: LexiconDecoder | None = None
        if options.kind == "lexicon":
            index = {unit: number for number, unit in enumerate(facts["units"])}
            self.decoder = LexiconDecoder(
                {word: spell(word, index) for word in words},
                read_arpa(model / LANGUAGE_MODEL),
                language_model=options.language_model,
                lm_weight=options.lm_weight,
                word_penalty=options.word_penalty,
            )
            self.numbers = {word: number for number, word in enumerate(words)}

    read = staticmethod(read_audio)

    def process(self, batch: list[Utterance]) -> Iterator[tuple[Utterance, Callable[[], dict[str, np.ndarray]]]]:
        """(utterance, what decodes it): the search is the processor's, beside a GPU's work on the next batch."""
        for utterance, log_posteriors in zip(batch, self.log_posteriors(batch), strict=True):
            yield utterance, functools.partial(self._decoded, log_posteriors)

    def _decoded(self, log_posteriors: np.ndarray) -> dict[str, np.ndarray]:
        score, tokens = 0.0, []
        if self.decoder is None:
            tokens = decode_greedy(log_posteriors)
        else:
            words, score = self.decoder.decode(log_posteriors)
            tokens = [self.numbers[word] for word in words]
        return {"tokens": np.array([max(score, -1e30), *tokens], np.float32)}

    def log_posteriors(self, batch: Sequence[Utterance]) -> list[np.ndarray]:
        """Log posteriors (frames', units) of each utterance."""
        import torch

        if self.bins is None:
            found: list[np.ndarray] = self.network.log_posteriors([utt.given(self.read) for utt in batch], self.device)
            return found
        inputs = [
            input_features(to_device(utterance.given(self.read), self.device), self.bins, self.floor_decibels)
            for utterance in batch
        ]
        counts = [len(frames) for frames in inputs]
        lengths = to_device(torch.tensor(counts), self.device)
        with torch.inference_mode():
            padded = torch.nn.utils.rnn.pad_sequence(inputs, batch_first=True)
            outputs, _ = self.network(padded, lengths)
            frames = self.network.output_lengths(torch.tensor(counts)).tolist()
        (rows,) = Fetched([outputs]).arrays()
        return [row[:count] for row, count in zip(rows, frames, strict=True)]


def import_bundle(name: str, weights: str, folder: Path) -> int:
    """Make a model dir of a recogniser among torchaudio's bundles.

    Args:
        name: of the bundle, e.g. WAV2VEC2_ASR_LARGE_LV60K_960H.
        weights: file of its weights; "" = in torchaudio's cache.
        folder: the model dir.

    Returns:
        the number of parameters.

    Raises:
        UsageError: the bundle is no recogniser, or not of 16 kHz.
        MissingModelError, DataError: as pretrained.read_weights.
    """
    from pseudovox.models import pretrained, wav2vec2

    bundle = pretrained.bundle_of(name)
    if not hasattr(bundle, "get_labels") or bundle.sample_rate != wav2vec2.SAMPLE_RATE:
        raise UsageError(f"recognizer.bundle {name}: not a recogniser of speech at 16 kHz")
    hyperparameters = wav2vec2.from_bundle(bundle)
    network = store.build("wav2vec2", hyperparameters)
    found = wav2vec2.own_weights(bundle, pretrained.read_weights(name, weights, "recognizer.weights"))
    pretrained.load_into(network, found, weights or str(pretrained.cache_file(name)))
    facts = {"units": [*bundle.get_labels(blank=BLANK)], "bundle": name}
    store.save(folder, network, kind="wav2vec2", hyperparameters=hyperparameters, facts=facts)
    return sum(parameter.numel() for parameter in network.parameters())


def as_text(tokens: np.ndarray, names: Sequence[str]) -> str:
    """The words of a decoded array (see RecognizeWorker), separated by spaces."""
    chosen = [names[int(token)] for token in tokens[1:]]
    if BLANK in names:  # units
        return " ".join("".join(chosen).replace(BOUNDARY, " ").split())
    return " ".join(chosen)


def write_hypotheses(folder: Path, names: Sequence[str]) -> None:
    """Write `hyp` from the arks of tokens in `folder`."""
    import kaldiio

    texts = {
        utterance: as_text(tokens, names)
        for ark in sorted(folder.glob("tokens.*.ark"))
        for utterance, tokens in kaldiio.load_ark(str(ark))
    }
    write_atomic(folder / HYPOTHESES, "".join(f"{key} {texts[key]}".rstrip() + "\n" for key in bytewise(texts)))

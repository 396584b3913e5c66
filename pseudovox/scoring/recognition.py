"""Recognition of utterances: network and decoder in a worker process, and the hypotheses as text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pseudovox.datadir import bytewise, write_atomic
from pseudovox.errors import UsageError
from pseudovox.models import store
from pseudovox.models.recognizer import BLANK, BOUNDARY, input_features, spell
from pseudovox.scoring.language_model import read_arpa
from pseudovox.scoring.lexicon_decoder import LexiconDecoder, decode_greedy

if TYPE_CHECKING:
    from pseudovox.config import Decoder
    from pseudovox.stage import Utterance

DECODERS = ("lexicon", "greedy")
HYPOTHESES = "hyp"  # file of the recognised words, a table like `text`


def vocabulary(model: Path, options: Decoder) -> list[str]:
    """What the numbers in decoded arrays stand for: the decoder's words, or the network's units when greedy.

    Raises:
        UsageError: an unknown kind of decoder, or no word that the units can spell.
    """
    if options.kind not in DECODERS:
        raise UsageError(f"decoder.kind {options.kind!r}, expected one of {', '.join(DECODERS)}")
    units: list[str] = store.read_card(model, "recognizer")["facts"]["units"]
    if options.kind == "greedy":
        return units
    known = set(units)
    return [word for word in read_arpa(model / "lm.arpa").words if known.issuperset(word)]


class RecognizeWorker:
    """Recognises utterances; gives {"tokens": (1 + n,)}: the score, then n numbers into `vocabulary`.

    Args:
        model: the recogniser's model dir.
        options: section `decoder`.
    """

    def __init__(self, model: Path, options: Decoder, *, device: str = "cpu") -> None:
        self.network, facts = store.load(model, "recognizer", device=device)
        self.device, self.floor_decibels = device, facts["floor_decibels"]
        self.bins = store.read_card(model, "recognizer")["hyperparameters"]["mel_bins"]
        words = vocabulary(model, options)
        self.decoder: LexiconDecoder | None = None
        if options.kind == "lexicon":
            index = {unit: number for number, unit in enumerate(facts["units"])}
            self.decoder = LexiconDecoder(
                {word: spell(word, index) for word in words},
                read_arpa(model / "lm.arpa"),
                language_model=options.language_model,
                lm_weight=options.lm_weight,
                word_penalty=options.word_penalty,
            )
            self.numbers = {word: number for number, word in enumerate(words)}

    def process(self, batch: list[Utterance]) -> Iterator[tuple[Utterance, dict[str, np.ndarray]]]:
        for utterance, log_posteriors in zip(batch, self.log_posteriors(batch), strict=True):
            score, tokens = 0.0, []
            if self.decoder is None:
                tokens = decode_greedy(log_posteriors)
            else:
                words, score = self.decoder.decode(log_posteriors)
                tokens = [self.numbers[word] for word in words]
            yield utterance, {"tokens": np.array([max(score, -1e30), *tokens], np.float32)}

    def log_posteriors(self, batch: Sequence[Utterance]) -> list[np.ndarray]:
        """Log posteriors (frames', units) of each utterance."""
        import torch

        inputs = [
            input_features(torch.from_numpy(utterance.audio()).to(self.device), self.bins, self.floor_decibels)
            for utterance in batch
        ]
        lengths = torch.tensor([len(frames) for frames in inputs], device=self.device)
        with torch.inference_mode():
            padded = torch.nn.utils.rnn.pad_sequence(inputs, batch_first=True)
            outputs, counts = self.network(padded, lengths)
        return [row[:count].cpu().numpy() for row, count in zip(outputs, counts.tolist(), strict=True)]


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

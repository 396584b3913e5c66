"""Units to codes: the coarse transformer token by token in windows, then the fine one codebook by codebook.

    rows = [Source("utt1", units, frames, prompt, seed) ...]
    codes = generate(coarse_model, fine_model, rows, generation)      # int64 (frames, codebooks) of each

Rows of a batch go on together, padded on the left; each has random numbers of its own, drawn by (seed, purpose,
utterance), and a token is the largest of logits / temperature + Gumbel noise, which is a draw from the softmax. So
what an utterance becomes does not depend on its batch (but for rounding, which decides only where two sums are equal
to 7 digits).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from pseudovox.core import seeds
from pseudovox.models.codec_lm.coarse import BOOKS, Row

if TYPE_CHECKING:
    from pseudovox.anonymize.codec_lm.options import Generation
    from pseudovox.models.codec_lm.coarse import Coarse
    from pseudovox.models.codec_lm.fine import Fine


@dataclass(frozen=True)
class Prompt:
    """A pseudo-speaker.

    Attributes:
        units: int64 (m,).
        codes: int64 (frames, codebooks).
    """

    units: np.ndarray
    codes: np.ndarray


@dataclass(frozen=True)
class Source:
    """An utterance to be spoken.

    Attributes:
        id: with the seed it decides all draws.
        units: int64 (m,), as the coarse model takes them.
        frames: of the codec that are wanted.
        prompt: whose voice; None = any.
        seed: of the draws.
        attempt: how often it was drawn before.
    """

    id: str
    units: np.ndarray
    frames: int
    prompt: Prompt | None
    seed: int
    attempt: int = 0

    def draw(self, purpose: str) -> np.random.Generator:
        """The random numbers of one purpose."""
        return seeds.generator(self.seed, purpose, f"{self.id}/{self.attempt}" if self.attempt else self.id)


def _noise(draws: Sequence[np.random.Generator], shape: tuple[int, ...], device: torch.device) -> torch.Tensor:
    """Gumbel noise (rows, *shape)."""
    return torch.from_numpy(np.stack([draw.gumbel(size=shape).astype(np.float32) for draw in draws])).to(device)


@torch.inference_mode()
def coarse(model: Coarse, sources: Sequence[Source], temperature: float, *, cached: bool = True) -> list[np.ndarray]:
    """The first two codebooks.

    Args:
        model: the coarse transformer.
        sources: to go on together.
        temperature: above 0.
        cached: keys and values of the context are kept; False = all of it is worked out for every token, which gives
            the same tokens (benchmarks/codec_lm.py).

    Returns:
        int64 (frames, 2) of each.
    """
    device = next(model.parameters()).device
    rows = [_row(model, source, device) for source in sources]
    draws = [source.draw("coarse-codes") for source in sources]
    wanted = [BOOKS * source.frames for source in sources]
    going = [number for number in range(len(rows)) if wanted[number]]
    while going:
        made = _window(
            model, [rows[number] for number in going], [draws[number] for number in going], temperature, cached
        )
        for number, tokens in zip(going, made, strict=True):
            left = wanted[number] - rows[number].made
            rows[number].tokens = torch.cat([rows[number].tokens, tokens[:left]])
        going = [number for number in going if rows[number].made < wanted[number]]
    return [row.tokens[row.prompt_tokens :].reshape(-1, BOOKS).cpu().numpy() for row in rows]


def _row(model: Coarse, source: Source, device: torch.device) -> Row:
    units = torch.from_numpy(source.units).to(device)
    if source.prompt is None:
        return Row(units, units[:0], 0, 0)
    before, tokens = model.prompt(
        torch.from_numpy(source.prompt.units).to(device), torch.from_numpy(source.prompt.codes).to(device)
    )
    return Row(torch.cat([before, units]), tokens, len(before), len(tokens))


def _window(
    model: Coarse, rows: Sequence[Row], draws: Sequence[np.random.Generator], temperature: float, cached: bool
) -> torch.Tensor:
    """The next `model.window` tokens of each row, int64 (rows, window)."""
    contexts = [model.context(row) for row in rows]
    lengths = [len(context) for context in contexts]
    longest = max(lengths)
    hidden = torch.nn.utils.rnn.pad_sequence(contexts, batch_first=True, padding_side="left")
    padding = torch.tensor([longest - length for length in lengths], device=hidden.device)
    left = padding if len(set(lengths)) > 1 else None
    ahead = model.ahead(rows, longest - padding)
    noise = _noise(draws, (model.window, model.codes), hidden.device)
    cache = model.transformer.cache(len(rows), longest + model.window) if cached else None
    given, tokens = hidden, []
    for step in range(model.window):
        book = step % BOOKS
        last = model.transformer(given, left, cache)[:, -1]
        tokens.append((model.logits(last, book) / temperature + noise[:, step]).argmax(1))
        new = (model.embedded(tokens[-1], book) + ahead[:, step])[:, None]
        given = new if cached else torch.cat([given, new], 1)
    return torch.stack(tokens, 1)


@torch.inference_mode()
def fine(model: Fine, sources: Sequence[Source], known: Sequence[np.ndarray], temperature: float) -> list[np.ndarray]:
    """All codebooks.

    Args:
        model: the fine transformer.
        sources: as of `coarse`; one after the other here, since all frames of one go together.
        known: int64 (frames, 2) of each.
        temperature: above 0.

    Returns:
        int64 (frames, codebooks) of each.
    """
    return [_fine(model, source, codes, temperature) for source, codes in zip(sources, known, strict=True)]


def _fine(model: Fine, source: Source, known: np.ndarray, temperature: float) -> np.ndarray:
    device = next(model.parameters()).device
    before = np.zeros((0, model.books), np.int64)
    units_before = np.zeros(0, np.int64)
    if source.prompt is not None:
        before = source.prompt.codes[-model.history :]
        if model.units:
            units_before = source.prompt.units[-len(before) :]
    codes = np.full((len(before) + len(known), model.books), model.codes, np.int64)
    codes[: len(before)], codes[len(before) :, :BOOKS] = before, known
    filled = torch.from_numpy(
        np.pad(codes, ((0, max(0, model.context - len(codes))), (0, 0)), constant_values=model.codes)
    )
    filled = filled.to(device)
    units = None
    if model.units:
        units = torch.full((len(filled),), model.units, device=device)
        units[: len(codes)] = torch.from_numpy(np.concatenate([units_before, source.units])[: len(codes)]).to(device)
    draw = source.draw("fine-codes")
    for loop in range(max(0, -(-(len(known) - (model.context - len(before))) // model.history)) + 1):
        start = min(loop * model.history, len(filled) - model.context)
        first = min(len(before) + loop * model.history, len(filled) - model.history) - start
        part = filled[None, start : start + model.context].clone()
        own = None if units is None else units[None, start : start + model.context]
        for book in range(model.coarse, model.books):
            logits = model(part, book, own)[:, first:] / temperature
            noise = _noise([draw], (logits.shape[1], model.codes), device)
            part[:, first:, book] = (logits + noise).argmax(2)
        filled[start + first : start + model.context] = part[0, first:]
    return filled[len(before) : len(codes)].cpu().numpy()  # type: ignore[no-any-return]


def generate(
    coarse_model: Coarse, fine_model: Fine, sources: Sequence[Source], options: Generation
) -> list[np.ndarray]:
    """The codes of the codebooks that are to be decoded, int64 (frames, codebooks) of each source."""
    known = coarse(coarse_model, sources, options.coarse_temperature)
    if options.codebooks == BOOKS:
        return known
    found = fine(fine_model, sources, known, options.fine_temperature)
    return [codes[:, : options.codebooks or None] for codes in found]


def problem(codes: np.ndarray, speech: np.ndarray, original: np.ndarray, rate: float, options: Generation) -> str:
    """What is wrong with what was drawn, "" if nothing is.

    Args:
        codes: int64 (frames, codebooks).
        speech: float32 (samples,), decoded.
        original: float32 (samples,) of the source.
        rate: frames a second.
        options: limits.
    """
    if not np.isfinite(speech).all():
        return "the speech holds NaN or infinite samples"
    spoken = speech_seconds(original)
    if not spoken:
        return ""  # nothing was said
    made = speech_seconds(speech)
    if made < options.least_speech * spoken:
        return f"{made:.2f} s of speech were made of {spoken:.2f} s"
    changes = np.flatnonzero((np.diff(codes[:, :BOOKS], axis=0) != 0).any(1))
    longest = np.diff(np.concatenate([[-1], changes, [len(codes) - 1]])).max() / rate
    allowed = options.longest_repeat + longest_pause(original)
    if longest > allowed:
        return f"one frame is repeated for {longest:.2f} s, longer than {allowed:.2f} s"
    return ""


FLOOR = 30.0  # decibels below the loudest frame, from where on it is speech
FRAME = 160


def _speech(samples: np.ndarray) -> np.ndarray:
    """bool (frames of 10 ms,): where there is speech."""
    whole = len(samples) // FRAME * FRAME
    power = np.square(samples[:whole].reshape(-1, FRAME), dtype=np.float64).mean(1)
    if not len(power) or power.max() <= 1e-10:
        return np.zeros(len(power), bool)
    return power > power.max() * 10 ** (-FLOOR / 10)  # type: ignore[no-any-return]


def speech_seconds(samples: np.ndarray) -> float:
    """Seconds of frames within FLOOR of the loudest; 0 of digital silence."""
    return float(_speech(samples).sum() * FRAME / 16000)


def longest_pause(samples: np.ndarray) -> float:
    """Seconds of the longest run of frames below FLOOR."""
    places = np.flatnonzero(np.concatenate([[True], _speech(samples), [True]]))
    return float((np.diff(places).max() - 1) * FRAME / 16000)


def spoken(samples: np.ndarray) -> tuple[int, int]:
    """From which sample to which there is speech; all of it in digital silence."""
    places = np.flatnonzero(_speech(samples))
    return (int(places[0]) * FRAME, (int(places[-1]) + 1) * FRAME) if len(places) else (0, len(samples))

"""Coarse transformers: semantic units become the first two codebooks of a codec, token by token.

The tokens of both codebooks are interleaved frame by frame, and of the logits those of the codebook at hand count
(alternate masking). A token is told from all before it in a window's context, which the two layouts see differently:

`WindowedCoarse`, Bark's: [units in a window of fixed length | "infer" | coarse tokens so far]; which unit a coarse
token belongs to is for the network to find out. One vocabulary for units, tokens (codebook k's have the offset units
+ codes * k) and the two signs.
`AlignedCoarse`, ours for small networks: ["begin" | coarse tokens so far], and to each place is added what a
convolution makes of the units around the frame of the token that is to come. The units need one per frame of the codec.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional

from pseudovox.models.codec_lm.transformer import Transformer

BOOKS = 2  # coarse codebooks


@dataclass
class Row:
    """One utterance on its way, all int64.

    Attributes:
        units: of the prompt and then of the source (m,).
        tokens: coarse codes so far, prompt first, codebooks interleaved, without offsets (n,).
        prompt_units, prompt_tokens: how many of them are the prompt's.
    """

    units: torch.Tensor
    tokens: torch.Tensor
    prompt_units: int
    prompt_tokens: int
    content: torch.Tensor | None = None  # what a model has worked out of the units

    @property
    def made(self) -> int:
        """Tokens beyond the prompt's."""
        return len(self.tokens) - self.prompt_tokens


class Coarse(nn.Module):
    """What both layouts share.

    Args:
        codes: of a codebook.
        width, heads, layers, dropout: of the transformer.
        positions: places that it can tell apart.
        history: past coarse tokens that it is shown, even.
        window: tokens that are made between two looks at the context, even.
        frame_rate: codec frames a second.
        unit_rate: units a second.
    """

    def __init__(
        self, *, codes: int, width: int, heads: int, layers: int, dropout: float, positions: int, history: int,
        window: int, frame_rate: float, unit_rate: float,
    ) -> None:  # fmt: skip
        super().__init__()
        if history % BOOKS or window % BOOKS or window < BOOKS:
            raise ValueError(f"history {history} and window {window}: expected whole frames of {BOOKS} tokens")
        self.codes, self.history, self.window = codes, history, window
        self.frame_rate, self.unit_rate = frame_rate, unit_rate
        self.transformer = Transformer(width, heads, layers, dropout, causal=True)
        self.positions = nn.Embedding(positions, width)

    @property
    def ratio(self) -> float:
        """Coarse tokens for a unit."""
        return self.frame_rate / self.unit_rate * BOOKS

    def context(self, row: Row) -> torch.Tensor:
        """What goes in before the next token of a row: (places, width), positions added."""
        raise NotImplementedError

    def ahead(self, rows: Sequence[Row], places: torch.Tensor) -> torch.Tensor:
        """What is added to the embeddings of the tokens of the coming window: (rows, window, width).

        Args:
            rows: as they were when their contexts were made.
            places: int64 (rows,), of the first of these tokens.
        """
        raise NotImplementedError

    def embedded(self, tokens: torch.Tensor, book: int) -> torch.Tensor:
        """Codes (rows,) of a codebook as they go in: (rows, width)."""
        raise NotImplementedError

    def logits(self, hidden: torch.Tensor, book: int) -> torch.Tensor:
        """Those of one codebook's codes, (..., codes), of the transformer's output (..., width)."""
        raise NotImplementedError

    def prompt(self, units: torch.Tensor, codes: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The end of a prompt as it is put before a source: units (m,) and codes (frames, 2) -> (units, tokens)."""
        raise NotImplementedError


class WindowedCoarse(Coarse):
    """Bark's layout.

    Args:
        vocabulary: of the embeddings and of the logits, with room for units, both codebooks and the signs.
        units: how many there are, and the offset of the first codebook.
        pad, infer: the signs' numbers.
        unit_window: units in the context.
        others: as of Coarse.
    """

    def __init__(
        self, *, vocabulary: int, units: int, pad: int, infer: int, unit_window: int, codes: int, width: int,
        heads: int, layers: int, positions: int, history: int, window: int, frame_rate: float, unit_rate: float,
        dropout: float = 0.0,
    ) -> None:  # fmt: skip
        super().__init__(
            codes=codes, width=width, heads=heads, layers=layers, dropout=dropout, positions=positions, history=history,
            window=window, frame_rate=frame_rate, unit_rate=unit_rate,
        )  # fmt: skip
        if units + BOOKS * codes > min(pad, infer) or vocabulary <= max(pad, infer):
            raise ValueError(f"a vocabulary of {vocabulary} has no room for {units} units and {BOOKS} x {codes} codes")
        if unit_window + 1 + history + window > positions:
            raise ValueError(f"{positions} positions are too few for a context of {unit_window + 1 + history + window}")
        self.units, self.pad, self.infer, self.unit_window = units, pad, infer, unit_window
        self.embed = nn.Embedding(vocabulary, width)
        self.head = nn.Linear(width, vocabulary, bias=False)

    @property
    def unit_history(self) -> int:
        """Units before the current one in the context."""
        return int(self.history / self.ratio)

    def _numbers(self, tokens: torch.Tensor, first: int = 0) -> torch.Tensor:
        """Codes (n,) with the offsets of their codebooks; `first`: the codebook of the first."""
        books = (torch.arange(len(tokens), device=tokens.device) + first) % BOOKS
        return self.units + self.codes * books + tokens

    def context(self, row: Row) -> torch.Tensor:
        current = row.prompt_units + round(row.made / self.ratio)
        units = row.units[max(0, current - self.unit_history) :][: self.unit_window]
        units = functional.pad(units, (0, self.unit_window - len(units)), value=self.pad)
        past = self._numbers(row.tokens[-self.history :])
        numbers = torch.cat([units, units.new_tensor([self.infer]), past])
        return self.embed(numbers) + self.positions.weight[: len(numbers)]  # type: ignore[no-any-return]

    def ahead(self, rows: Sequence[Row], places: torch.Tensor) -> torch.Tensor:
        return self.positions(places[:, None] + torch.arange(self.window, device=places.device))  # type: ignore[no-any-return]

    def embedded(self, tokens: torch.Tensor, book: int) -> torch.Tensor:
        return self.embed(self.units + self.codes * book + tokens)  # type: ignore[no-any-return]

    def logits(self, hidden: torch.Tensor, book: int) -> torch.Tensor:
        first = self.units + self.codes * book
        return functional.linear(hidden, self.head.weight[first : first + self.codes])

    def prompt(self, units: torch.Tensor, codes: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """As many of each as go together: of units at most `unit_history`, an even number; without the last frame."""
        tokens = codes[:, :BOOKS].reshape(-1)
        count = min(self.unit_history, len(units) - len(units) % 2, int(len(tokens) / self.ratio))
        if count < 1:
            return units[:0], tokens[:0]
        kept = round(count * self.ratio)
        kept += kept % BOOKS
        return units[-count:], tokens[-kept:][:-BOOKS]


class AlignedCoarse(Coarse):
    """Our layout, for one unit per frame.

    Args:
        units: how many there are.
        reach: frames before and behind that the convolutions over units see, in two layers.
        prompt_frames: of a prompt, at most.
        others: as of Coarse.
    """

    def __init__(
        self, *, units: int, codes: int, width: int, heads: int, layers: int, positions: int, history: int, window: int,
        frame_rate: float, reach: int = 6, prompt_frames: int = 150, dropout: float = 0.0,
    ) -> None:  # fmt: skip
        super().__init__(
            codes=codes, width=width, heads=heads, layers=layers, dropout=dropout, positions=positions, history=history,
            window=window, frame_rate=frame_rate, unit_rate=frame_rate,
        )  # fmt: skip
        if 1 + history + window > positions:
            raise ValueError(f"{positions} positions are too few for a context of {1 + history + window}")
        self.units, self.prompt_frames = units, prompt_frames
        self.embed = nn.Embedding(BOOKS * codes + 1, width)  # the last one: "begin"
        self.embed_units = nn.Embedding(units, width)
        kernel = 2 * max(1, reach // 2) + 1
        self.around = nn.ModuleList(nn.Conv1d(width, width, kernel, padding=kernel // 2) for _ in range(2))
        self.of_book = nn.Parameter(torch.zeros(BOOKS, width))
        self.head = nn.Linear(width, BOOKS * codes, bias=False)

    def content(self, units: torch.Tensor) -> torch.Tensor:
        """What is added for the units of frames: (..., frames) -> (..., frames, width)."""
        flat = units.reshape(-1, units.shape[-1])
        found = self.embed_units(flat).transpose(1, 2)
        for layer in self.around:
            found = found + functional.gelu(layer(found))
        return found.transpose(1, 2).reshape(*units.shape, -1)

    def inputs(self, tokens: torch.Tensor, content: torch.Tensor) -> torch.Tensor:
        """What goes in to tell tokens (rows, n) of frames whose content is (rows, n // 2, width): (rows, n, width)."""
        books = torch.arange(tokens.shape[1], device=tokens.device) % BOOKS
        before = functional.pad((tokens + self.codes * books)[:, :-1], (1, 0), value=BOOKS * self.codes)
        along = content.repeat_interleave(BOOKS, 1) + self.of_book.repeat(content.shape[1], 1)
        return self.embed(before) + along + self.positions.weight[: tokens.shape[1]]  # type: ignore[no-any-return]

    def forward(self, units: torch.Tensor, codes: torch.Tensor) -> torch.Tensor:
        """Logits of all codes, each told from those before it.

        Args:
            units: int64 (rows, frames).
            codes: int64 (rows, frames, 2).

        Returns:
            (rows, frames, 2, codes)
        """
        rows, frames = units.shape
        tokens = codes.reshape(rows, -1)
        hidden = self.transformer(self.inputs(tokens, self.content(units))).reshape(rows, frames, BOOKS, -1)
        return torch.stack([self.logits(hidden[:, :, book], book) for book in range(BOOKS)], 2)

    def _content_of(self, row: Row) -> torch.Tensor:
        """`content` of a row, worked out once; (frames, width)."""
        if row.content is None:
            row.content = self.content(row.units[None])[0]
        return row.content

    def context(self, row: Row) -> torch.Tensor:
        past = row.tokens[-self.history :] if self.history else row.tokens[:0]
        first = (len(row.tokens) - len(past)) // BOOKS
        content = self._content_of(row)[first : first + len(past) // BOOKS + 1]
        places = torch.cat([past, past.new_zeros(BOOKS)])[None]  # (the last ones are not seen: there is no such token)
        return self.inputs(places, content[None])[0, : len(past) + 1]

    def ahead(self, rows: Sequence[Row], places: torch.Tensor) -> torch.Tensor:
        steps = torch.arange(self.window, device=places.device)
        along = []
        for row in rows:  # a token is told with the one before it: its own frame's content goes in there
            frames = (len(row.tokens) + 1 + steps) // BOOKS
            along.append(self._content_of(row)[frames.clamp(max=len(row.units) - 1)])
        books = self.of_book[(1 + steps) % BOOKS]
        return torch.stack(along) + books + self.positions(places[:, None] + steps)  # type: ignore[no-any-return]

    def embedded(self, tokens: torch.Tensor, book: int) -> torch.Tensor:
        return self.embed(tokens + self.codes * book)  # type: ignore[no-any-return]

    def logits(self, hidden: torch.Tensor, book: int) -> torch.Tensor:
        return functional.linear(hidden, self.head.weight[self.codes * book : self.codes * (book + 1)])

    def prompt(self, units: torch.Tensor, codes: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The last `prompt_frames` of both."""
        count = min(len(units), len(codes), self.prompt_frames)
        return units[len(units) - count :], codes[len(codes) - count :, :BOOKS].reshape(-1)

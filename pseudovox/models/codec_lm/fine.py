"""The fine transformer: all frames of one codebook at once, of those below it; codebook after codebook.

As Bark's: the embeddings of the codebooks up to the one that is told are added, where that one's own codes, and those
of frames that are not yet made, are the sign "unknown"; attention goes both ways. Frames that were made before
(history) keep all their codes. Ours may see the semantic units of the frames as well (`units`), through a convolution.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from pseudovox.models.codec_lm.transformer import Transformer


class Fine(nn.Module):
    """The network.

    Args:
        codes: of a codebook; the number of the sign "unknown".
        vocabulary: of embeddings and logits, more than `codes`.
        books: codebooks in all.
        given: of them that no head tells.
        coarse: of them that are known when it begins.
        width, heads, layers, dropout: of the transformer.
        bias, norm_bias: as of transformer.Block.
        context: frames that are looked at together.
        history: frames by which it goes on, and that are kept of what was made.
        units: semantic units, one a frame; 0 = it sees none.
    """

    def __init__(
        self, *, codes: int, vocabulary: int, books: int, given: int, coarse: int, width: int, heads: int, layers: int,
        context: int, history: int, dropout: float = 0.0, bias: bool = False, norm_bias: bool = True, units: int = 0,
    ) -> None:  # fmt: skip
        super().__init__()
        if vocabulary <= codes or not 1 <= given <= coarse < books or not 0 < history <= context:
            raise ValueError(
                f"vocabulary {vocabulary}, given {given}, coarse {coarse}, history {history}: expected more than the "
                f"{codes} codes, 1 <= given <= coarse < books ({books}) and history <= context ({context})"
            )
        self.codes, self.books, self.given, self.coarse = codes, books, given, coarse
        self.context, self.history, self.units = context, history, units
        self.transformer = Transformer(width, heads, layers, dropout, causal=False, bias=bias, norm_bias=norm_bias)
        self.embed = nn.ModuleList(nn.Embedding(vocabulary, width) for _ in range(books))
        self.positions = nn.Embedding(context, width)
        self.heads = nn.ModuleList(nn.Linear(width, vocabulary, bias=False) for _ in range(books - given))
        if units:
            self.embed_units = nn.Embedding(units + 1, width)  # the last one: no frame
            self.around = nn.Conv1d(width, width, 5, padding=2)

    def forward(self, codes: torch.Tensor, book: int, units: torch.Tensor | None = None) -> torch.Tensor:
        """Logits of a codebook.

        Args:
            codes: int64 (rows, frames, books), `self.codes` where unknown.
            book: which codebook, from `coarse`.
            units: int64 (rows, frames), `self.units` where there is no frame.

        Returns:
            (rows, frames, codes)
        """
        hidden = torch.stack([self.embed[k](codes[:, :, k]) for k in range(book + 1)]).sum(0)
        hidden = hidden + self.positions.weight[: codes.shape[1]]
        if self.units and units is not None:
            along = self.embed_units(units)
            hidden = hidden + along + functional.gelu(self.around(along.transpose(1, 2))).transpose(1, 2)
        found = self.transformer(hidden)
        head = self.heads[book - self.given]
        return functional.linear(found, head.weight[: self.codes])  # type: ignore[index,arg-type]

"""A transformer of GPT-2's kind: normalisation before attention and before a layer of four times the width with GELU.

    cache = transformer.cache(rows=4, capacity=700)
    hidden = transformer(context, left_padding, cache)     # (4, n, width)
    hidden = transformer(one, left_padding, cache)         # (4, 1, width), what a whole pass gives for the last place

Positions are in what comes in (the models add them), so rows may be padded on the left.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional


class Cache:
    """Keys and values of what went through a causal transformer, for all layers.

    Args:
        shape: (rows, heads, capacity, dimensions of a head).
        layers: of the transformer.
        like: a tensor of the device and type.
    """

    def __init__(self, shape: tuple[int, int, int, int], layers: int, like: torch.Tensor) -> None:
        self.keys = [like.new_zeros(shape) for _ in range(layers)]
        self.values = [like.new_zeros(shape) for _ in range(layers)]
        self.length = 0

    def extend(self, layer: int, keys: torch.Tensor, values: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Keep keys and values (rows, heads, n, dimensions) of a layer; all there are now."""
        end = self.length + keys.shape[2]
        self.keys[layer][:, :, self.length : end] = keys
        self.values[layer][:, :, self.length : end] = values
        return self.keys[layer][:, :, :end], self.values[layer][:, :, :end]


class Block(nn.Module):
    """One layer.

    Args:
        width, heads: heads divide the width.
        dropout: behind attention and behind the wide layer.
        bias: of the linear layers and the normalisations.
        norm_bias: of the normalisations alone; None = as `bias`.
    """

    def __init__(
        self, width: int, heads: int, dropout: float = 0.0, *, bias: bool = False, norm_bias: bool | None = None
    ) -> None:
        super().__init__()
        norm_bias = bias if norm_bias is None else norm_bias
        self.heads, self.dropout = heads, dropout
        self.attention_norm = nn.LayerNorm(width, bias=norm_bias)
        self.queries_keys_values = nn.Linear(width, 3 * width, bias=bias)
        self.attention_out = nn.Linear(width, width, bias=bias)
        self.wide_norm = nn.LayerNorm(width, bias=norm_bias)
        self.widen = nn.Linear(width, 4 * width, bias=bias)
        self.narrow = nn.Linear(4 * width, width, bias=bias)

    def forward(
        self, hidden: torch.Tensor, mask: torch.Tensor | None, causal: bool, cache: Cache | None, layer: int
    ) -> torch.Tensor:
        """(rows, n, width) -> the same; `mask` bool (rows, 1, n, keys), True where a key is seen."""
        rows, count, width = hidden.shape
        parts = self.queries_keys_values(self.attention_norm(hidden)).chunk(3, 2)
        queries, keys, values = (
            part.reshape(rows, count, self.heads, width // self.heads).transpose(1, 2) for part in parts
        )
        if cache is not None:
            keys, values = cache.extend(layer, keys, values)
        found = functional.scaled_dot_product_attention(
            queries, keys, values, attn_mask=mask, is_causal=causal and mask is None and count == keys.shape[2],
            dropout_p=self.dropout if self.training else 0.0,
        )  # fmt: skip
        found = self.attention_out(found.transpose(1, 2).reshape(rows, count, width))
        hidden = hidden + functional.dropout(found, self.dropout, self.training)
        found = self.narrow(functional.gelu(self.widen(self.wide_norm(hidden))))
        return hidden + functional.dropout(found, self.dropout, self.training)


class Transformer(nn.Module):
    """Layers and a last normalisation.

    Args:
        width, heads, layers: sizes.
        dropout: in training.
        causal: a place sees itself and those before it alone.
        bias, norm_bias: as of Block; the last normalisation's too.

    Raises:
        ValueError: heads that do not divide the width.
    """

    def __init__(
        self, width: int, heads: int, layers: int, dropout: float = 0.0, *, causal: bool, bias: bool = False,
        norm_bias: bool | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        if heads < 1 or width % heads:
            raise ValueError(f"{heads} heads do not divide a width of {width}")
        self.width, self.heads, self.causal = width, heads, causal
        self.blocks = nn.ModuleList(Block(width, heads, dropout, bias=bias, norm_bias=norm_bias) for _ in range(layers))
        self.norm = nn.LayerNorm(width, bias=bias if norm_bias is None else norm_bias)

    def cache(self, rows: int, capacity: int) -> Cache:
        """An empty cache for so many rows and places."""
        shape = (rows, self.heads, capacity, self.width // self.heads)
        return Cache(shape, len(self.blocks), self.norm.weight)

    def forward(
        self, hidden: torch.Tensor, padding: torch.Tensor | None = None, cache: Cache | None = None
    ) -> torch.Tensor:
        """What the last normalisation gives.

        Args:
            hidden: (rows, n, width), with positions.
            padding: int64 (rows,), so many places on the left of each row are none (counted from the cache's
                beginning); None = none are.
            cache: of what came before; it is added to.

        Returns:
            (rows, n, width); of no use at padding.
        """
        before, count = cache.length if cache else 0, hidden.shape[1]
        mask = None
        if padding is not None or (before and count > 1):
            places = torch.arange(before + count, device=hidden.device)
            own = places[before:, None]
            mask = (places <= own) if self.causal else torch.ones_like(places <= own)
            mask = mask[None]
            if padding is not None:  # (a place of padding sees itself, so that its softmax is of something)
                mask = mask & ((places >= padding[:, None, None]) | (places == own))
            mask = mask[:, None]
        for layer, block in enumerate(self.blocks):
            hidden = block(hidden, mask, self.causal, cache, layer)
        if cache is not None:
            cache.length += count
        return self.norm(hidden)  # type: ignore[no-any-return]

"""The coarse transformer of system codec_lm: tokens a second, with the cache of keys and values and without it.

One thread, random weights (times do not depend on them), in our layout at its small size and in Bark's layout at the
sizes of Bark small and large. Without a cache, the whole context is worked out for every token. The tokens are the
same (checked).

    benchmarks/codec_lm.py [--seconds 3] [--batch 1 4] [--sizes ours bark_small bark_large]
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import numpy as np
import torch

from pseudovox.anonymize.codec_lm import generation
from pseudovox.anonymize.codec_lm.options import Coarse
from pseudovox.models.codec_lm.bark import Layout
from pseudovox.models.codec_lm.coarse import AlignedCoarse, WindowedCoarse

BARK = {"bark_small": (768, 12, 12), "bark_large": (1024, 16, 24)}  # width, heads, layers


def network(size: str) -> Any:
    """A coarse transformer with random weights."""
    torch.manual_seed(0)
    if size == "ours":
        own = Coarse()
        return AlignedCoarse(
            units=512, codes=256, frame_rate=50.0, width=own.width, heads=own.heads, layers=own.layers,
            positions=1 + own.history + own.window, history=own.history, window=own.window, reach=own.reach,
            prompt_frames=own.prompt_frames,
        ).eval()  # fmt: skip
    width, heads, layers = BARK[size]
    own = Layout()
    return WindowedCoarse(
        vocabulary=12096, units=own.units, pad=own.pad, infer=own.infer, unit_window=own.unit_window, codes=own.codes,
        width=width, heads=heads, layers=layers, positions=1024, history=own.history, window=own.window,
        frame_rate=own.frame_rate, unit_rate=own.unit_rate,
    ).eval()  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=3.0, help="of speech, after a prompt of 2 s")
    parser.add_argument("--batch", type=int, nargs="+", default=[1, 4])
    parser.add_argument("--sizes", nargs="+", default=["ours", "bark_small"], choices=["ours", *BARK])
    args = parser.parse_args()
    torch.set_num_threads(1)
    draw = np.random.default_rng(0)
    print("size        rows  cache  tokens/s  seconds of CPU per second of speech  parameters (millions)")
    for size in args.sizes:
        model = network(size)
        count = sum(parameter.numel() for parameter in model.parameters()) / 1e6
        frames, units = round(args.seconds * model.frame_rate), round(args.seconds * model.unit_rate)
        before = round(2 * model.frame_rate), round(2 * model.unit_rate)
        for rows in args.batch:
            prompt = generation.Prompt(draw.integers(512, size=before[1]), draw.integers(256, size=(before[0], 2)))
            sources = [
                generation.Source(str(row), draw.integers(512, size=units), frames, prompt, 0) for row in range(rows)
            ]
            times, found = [], []
            for cached in (True, False):
                start = time.process_time()
                found.append(generation.coarse(model, sources, 0.7, cached=cached))
                times.append(time.process_time() - start)
                tokens, speech = 2 * frames * rows, args.seconds * rows
                print(
                    f"{size:<11} {rows:<5} {'yes' if cached else 'no':<6} {tokens / times[-1]:<9.1f} "
                    f"{times[-1] / speech:<36.2f} {count:.1f}"
                )
            same = np.mean([np.mean(one == other) for one, other in zip(*found, strict=True)])
            print(f"{size:<11} {rows:<5} without / with cache: {times[1] / times[0]:.1f}; equal tokens: {same:.4f}")


if __name__ == "__main__":
    main()

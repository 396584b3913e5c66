#!/usr/bin/env -S bash -c 'exec "${0%/*}/../utils/python.sh" "$0" "$@"'
"""How fast a space-filling quantiser is trained, and how evenly its codes are used after occurrence normalisation.

    python benchmarks/quantisers.py                        # some four minutes on one core
    python benchmarks/quantisers.py --vectors 32768        # half a minute; the ratio is the same
    python benchmarks/quantisers.py --curve curve.png      # a curve that fills a Gaussian in two dimensions

training       2^18 standard normal vectors of 128 dimensions, stages of 2 to 5 bits, 5 epochs each, batches of 64: by
               ours, with like: porcupine, and by a plain loop in torch (loss.backward(), torch.optim.Adam), which is a
               restatement of how the method is usually written. Both run on one thread. Mean squared errors by vector
               and dimension: of the last epoch's batches, as the dithered curve has them in training; of the
               corners, and of the nearest points of the curve, on 2^16 vectors that were not trained on
normalisation  code counts of those, at 4, 5 and 6 bits, with the ratio of their standard deviation to chance's
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
DIMENSION, BATCH, EPOCHS, RATE, EPSILON = 128, 64, 5, 1e-3, 0.01


def plain_loop(vectors: np.ndarray, bits: int) -> tuple[np.ndarray, float]:
    """Corners, and the mean squared error of the last epoch's batches, by a loop in torch."""
    import torch

    data = torch.from_numpy(vectors)
    order = data[: min(len(data), 65536)].norm(dim=1).argsort()
    corners = torch.stack([part.mean(0) for part in data[order].chunk(4)])
    losses: list[float] = []
    for stage in range(2, bits + 1):
        if stage > 2:
            half = len(corners) // 2
            forwards = corners[:half] + EPSILON * (corners[1 : half + 1] - corners[:half])
            backwards = corners[half:] - EPSILON * (corners[half:] - corners[half - 1 : -1])
            first = torch.stack([corners[:half], forwards], 1).flatten(0, 1)
            corners = torch.cat([first, torch.stack([backwards, corners[half:]], 1).flatten(0, 1)])
        weights = corners.clone().requires_grad_()
        optimizer = torch.optim.Adam([weights], RATE)
        scheduler = torch.optim.lr_scheduler.MultiStepLR(optimizer, [int(0.6 * EPOCHS), int(0.8 * EPOCHS)], 0.5)
        for _ in range(EPOCHS):
            losses = []
            for rows in torch.randperm(len(data))[: len(data) // BATCH * BATCH].view(-1, BATCH):
                batch = data[rows]
                share = torch.rand(len(weights) - 1, 1)
                dithered = (1 - share) * weights[:-1] + share * weights[1:]
                distances = (
                    batch.square().sum(1, keepdim=True) - 2 * batch @ dithered.t() + dithered.square().sum(1)
                )  # fmt: skip
                chosen = dithered[distances.argmin(1)]
                loss = torch.nn.functional.mse_loss(chosen, batch)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                losses.append(loss.item())
            scheduler.step()
        corners = weights.detach()
    return corners.numpy(), float(np.mean(losses))


def draw_curve(path: Path) -> None:
    """Stages of one curve over a Gaussian cloud in two dimensions, as a picture."""
    from pseudovox.models import quantizers
    from pseudovox.models.quantizers.codebook import normalise
    from pseudovox.models.quantizers.fitting import Fit
    from pseudovox.report.disclosure import draw_curves

    vectors = np.random.default_rng(1).standard_normal((20_000, 2)).astype(np.float32)
    books = quantizers.find("sfvq").fit(vectors, [2, 4, 6, 7], Fit(updates=8000), 1)
    draw_curves(
        path,
        vectors[:4000],
        {bits: (book.vectors, normalise(book.vectors, vectors).vectors) for bits, book in books.items()},
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vectors", type=int, default=2**18)
    parser.add_argument("--curve", type=Path, metavar="FILE", help="draw the curve into this file, and stop")
    args = parser.parse_args()
    if args.curve:
        draw_curve(args.curve)
        return

    import torch

    from pseudovox.metrics import disclosure
    from pseudovox.models import quantizers
    from pseudovox.models.quantizers import curve
    from pseudovox.models.quantizers.codebook import Codebook, normalise
    from pseudovox.models.quantizers.fitting import Fit

    torch.set_num_threads(1)
    torch.manual_seed(1)
    vectors = np.random.default_rng(1).standard_normal((args.vectors, DIMENSION), np.float32)
    unseen = np.random.default_rng(2).standard_normal((2**16, DIMENSION), np.float32)
    seconds = {}
    for name in ("ours", "plain loop"):
        started, cpu = time.perf_counter(), time.process_time()
        if name == "ours":
            corners, said = quantizers.find("sfvq").fit(vectors, [5], Fit(like="porcupine"), 1)[5].vectors, ""
        else:
            corners, last = plain_loop(vectors, 5)
            said = f", last epoch {last:.4f}"
        seconds[name] = time.process_time() - cpu
        updates = 4 * EPOCHS * (len(vectors) // BATCH)
        share = np.random.default_rng(3).random((500, len(corners) - 1, 1), np.float32)
        dithered = [
            Codebook((1 - one) * corners[:-1] + one * corners[1:]).mean_squared_error(
                unseen[row * 128 : row * 128 + 128]
            )
            for row, one in enumerate(share)
        ]
        print(
            f"{name:12} {seconds[name]:7.1f} s CPU {time.perf_counter() - started:7.1f} s wall "
            f"{1e6 * seconds[name] / updates:6.0f} us an update; MSE: dithered {np.mean(dithered):.4f}, corners "
            f"{Codebook(corners).mean_squared_error(unseen):.4f}, curve "
            f"{curve.project(unseen, corners).squared.mean() / DIMENSION:.4f}{said}",
            flush=True,
        )
    print(f"ours takes {seconds['ours'] / seconds['plain loop']:.3f} of the plain loop's time")
    books = quantizers.find("sfvq").fit(vectors, [4, 5, 6], Fit(like="porcupine"), 1)
    for bits, book in books.items():
        for like in ("", "porcupine"):
            even = normalise(book.vectors, vectors, like=like)
            counts = disclosure.histogram(even.encode(unseen), 2**bits)
            ratio = disclosure.deviation(counts) / disclosure.binomial_deviation(len(unseen), 2**bits)
            print(
                f"{bits} bits, normalised{' like porcupine' if like else '':15}: deviation {ratio:.2f} of chance's; "
                f"disclosure worst {disclosure.worst_case(counts):.3f}, average {disclosure.average(counts):.4f}"
            )
        counts = disclosure.histogram(book.encode(unseen), 2**bits)
        ratio = disclosure.deviation(counts) / disclosure.binomial_deviation(len(unseen), 2**bits)
        print(f"{bits} bits, corners as trained: deviation {ratio:.2f} of chance's")


if __name__ == "__main__":
    main()

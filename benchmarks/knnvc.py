"""kNN voice conversion: nearest frames, against the loop that a user of kNN-VC runs.

usage: benchmarks/knnvc.py [--frames 24000] [--dimension 1024] [--utterances 8] [--threads 1] [--device cpu]

The reference takes utterances one by one: cosine distances to all frames of the target by torch.cdist and the frames'
lengths, topk of 4, mean. Ours (pseudovox.anonymize.knnvc.matching) prepares the target once, which is timed by itself,
and must give the same frames. The frames are noise about common centres, as those of speech are about phones. Times are
the least of three runs in turn.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import torch

from pseudovox.anonymize.knnvc.matching import Target


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=24000, help="of the target: 24000 are eight minutes")
    parser.add_argument("--dimension", type=int, default=1024)
    parser.add_argument("--utterances", type=int, default=8, help="of 3 to 15 s")
    parser.add_argument("--threads", type=int, default=1, help="of torch")
    parser.add_argument("--device", default="cpu")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    draw = torch.Generator().manual_seed(0)
    centres = torch.randn(200, args.dimension, generator=draw)

    def speech(frames: int) -> torch.Tensor:
        about = centres[torch.randint(len(centres), (frames,), generator=draw)]
        return (about + 0.7 * torch.randn(frames, args.dimension, generator=draw)).to(args.device)

    frames = speech(args.frames)
    lengths = torch.randint(150, 750, (args.utterances,), generator=draw).tolist()
    utterances = [speech(length) for length in lengths]
    started = time.perf_counter()
    target = Target(frames, device=args.device)
    _wait(args.device)
    prepared = time.perf_counter() - started
    reference, ours = float("inf"), float("inf")
    for _ in range(3):
        taken, expected = timed(lambda: [plain(utterance, frames) for utterance in utterances], args.device)
        reference = min(reference, taken)
        taken, found = timed(lambda: [target.convert([utterance], 4)[0] for utterance in utterances], args.device)
        ours = min(ours, taken)
    same = torch.cat([(one - other).abs().amax(1) < 1e-4 for one, other in zip(expected, found, strict=True)])
    seconds = 0.02 * sum(lengths)
    print(f"target {args.frames} x {args.dimension}, {len(utterances)} utterances, {seconds:.0f} s, {args.device}")
    print(f"cdist and topk {reference:.3f} s, real-time factor {reference / seconds:.4f}")
    print(
        f"ours           {ours:.3f} s, real-time factor {ours / seconds:.4f} (and once for the target {prepared:.3f} s)"
    )
    print(f"ratio {reference / ours:.1f}; frames that agree: {same.float().mean():.5f}")


def plain(utterance: torch.Tensor, frames: torch.Tensor) -> torch.Tensor:
    """As kNN-VC is described: cosine distances through squared Euclidean ones, the mean of the four nearest."""
    own, theirs = utterance.norm(dim=1), frames.norm(dim=1)
    squared = torch.cdist(utterance[None], frames[None])[0].square()
    products = (own[:, None].square() + theirs.square() - squared) / 2
    distances = 1 - products / (own[:, None] * theirs)
    return frames[distances.topk(4, largest=False).indices].mean(1)


def timed(work: Callable[[], list[torch.Tensor]], device: str) -> tuple[float, list[torch.Tensor]]:
    """Seconds, and what came out."""
    started = time.perf_counter()
    found = work()
    _wait(device)
    return time.perf_counter() - started, found


def _wait(device: str) -> None:
    if device.startswith("cuda"):
        torch.cuda.synchronize()


if __name__ == "__main__":
    main()

#!/usr/bin/env -S bash -c 'exec "${0%/*}/../utils/python.sh" "$0" "$@"'
"""How fast McAdams anonymization is, and that it computes what a plain loop over frames computes.

    python benchmarks/mcadams.py                      # some 20 s of one core
    python benchmarks/mcadams.py --device cuda        # what is vectorised on a GPU, the loop beside it on the CPU

Speech-like noise is worked on by pseudovox.anonymize.mcadams, one thread, and by the loop that the method's description
suggests, frame by frame with NumPy and SciPy (np.roots, np.poly, lfilter). Both figures are of one run; the sound is
the same.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

RATE = 16000


def plain_loop(samples: np.ndarray, coefficient: float, variant: int) -> np.ndarray:
    """McAdams anonymization of a signal (samples,) at its own level, written frame by frame from the description."""
    from scipy.signal import lfilter

    length, hop, order = 320, 160, 20
    epsilon = np.finfo(np.float32).eps
    kind = np.float32 if variant == 2024 else np.float64
    signal = samples.astype(kind) + kind(epsilon)
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(length) / (length - 1))
    window = np.sqrt(hann / (hann.sum() / hop))
    out = np.zeros(len(signal), dtype=kind)
    for number in range(0 if variant == 2024 else 1, 1 + (len(signal) - length) // hop):
        where = slice(number * hop, number * hop + length)
        frame = signal[where] * window
        prediction = plain_burg(frame + epsilon, order)
        roots = np.roots(prediction)
        warped = roots.copy()
        for index, root in enumerate(roots):
            if root.imag != 0:
                angle = abs(np.angle(root)) ** coefficient
                if variant != 2024:
                    angle = min(angle, np.pi)
                warped[index] = abs(root) * np.exp(1j * np.sign(root.imag) * angle)
        excitation = lfilter(prediction, [1.0], frame)
        out[where] += lfilter([1.0], np.real(np.poly(warped)), excitation) * window
    return out


def plain_burg(frame: np.ndarray, order: int) -> np.ndarray:
    """Burg's linear prediction of one frame: (order + 1,), 1 first."""
    forward, backward = frame[1:], frame[:-1]
    power = np.sum(forward**2) + np.sum(backward**2)
    prediction = np.array([1.0])
    for _ in range(order):
        reflection = -2 * np.sum(backward * forward) / (power + np.finfo(frame.dtype).tiny)
        longer = np.append(prediction, 0.0)
        prediction = longer + reflection * longer[::-1]
        forward, backward = forward + reflection * backward, backward + reflection * forward
        power = (1 - reflection**2) * power - backward[-1] ** 2 - forward[0] ** 2
        forward, backward = forward[1:], backward[:-1]
    return prediction


def speech_like(seconds: float) -> np.ndarray:
    """Noise and pulses through slowly moving resonances, float32 (samples,)."""
    from scipy.signal import lfilter

    draw = np.random.default_rng(1)
    pieces = []
    for number in range(int(seconds * 10)):
        pulses = (np.arange(RATE // 10) % 110 < 1) * 20.0 * (number % 3 > 0)
        source = pulses + draw.standard_normal(RATE // 10)
        poles = [0.97 * np.exp(2j * np.pi * f / RATE) for f in draw.uniform([300, 900, 2200], [900, 2200, 3500])]
        pieces.append(lfilter([1.0], np.real(np.poly([*poles, *np.conj(poles)])), source))
    joined = np.concatenate(pieces)
    return (0.3 * joined / np.abs(joined).max()).astype(np.float32)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--seconds", type=float, default=100.0, help="of sound, for the vectorised one")
    parser.add_argument("--plain-seconds", type=float, default=20.0, help="of sound, for the loop")
    args = parser.parse_args()
    import torch

    from pseudovox.anonymize import mcadams

    torch.set_num_threads(1)
    sound = speech_like(args.seconds)
    utterances = [sound[start : start + 10 * RATE] for start in range(0, len(sound), 10 * RATE)]
    # One utterance after the other on the CPU, all at once on a GPU, as the step does.
    batches = [utterances] if args.device != "cpu" else [[utterance] for utterance in utterances]

    def vectorised(batch: list[np.ndarray]) -> list[np.ndarray]:
        every = [0.8] * len(batch)
        return mcadams.warp(batch, every, mcadams.VARIANTS[2024], device=args.device)

    vectorised(batches[0])  # imports, and a GPU's start
    began, cpu = time.perf_counter(), time.process_time()
    found = [out for batch in batches for out in vectorised(batch)]
    wall, cpu = time.perf_counter() - began, time.process_time() - cpu
    fast = args.seconds / (cpu if args.device == "cpu" else wall)
    spent = f"{cpu:.2f} s CPU, {wall:.2f} s wall"
    print(f"vectorised, {args.device}: {args.seconds:.0f} s of sound in {spent}: {fast:.0f} x real time")

    began = time.process_time()
    count = round(args.plain_seconds / 10)
    plain = [plain_loop(utterance, 0.8, 2024) for utterance in utterances[:count]]
    cpu = time.process_time() - began
    slow = 10 * count / cpu
    print(f"plain loop, cpu:  {10 * count} s of sound in {cpu:.2f} s CPU: {slow:.0f} x real time")
    error = max(np.abs(a - b).max() / np.abs(b).max() for a, b in zip(found[:count], plain, strict=True))
    print(f"ratio {fast / slow:.1f}; largest difference {error:.1e} of the peak")
    return 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env -S bash -c 'exec "${0%/*}/../utils/python.sh" "$0" "$@"'
"""How fast the privacy metrics are, and what they need: every figure with the command's own ratio.

    python benchmarks/metrics.py                 # all of it, under a minute on two cores
    python benchmarks/metrics.py million file    # some

million     all privacy metrics of 10^6 scores together; and the EER against scikit-learn's roc_curve
intervals   1,000 resamples of a list of 30,276 trials, as many as a set of the VPC has
file        steps/score_metrics.py on 3 * 10^6 lines of text: without intervals, with them, and peak memory
plda        a PLDA trained on as many embeddings as the VPC's attacker has, and 10^7 of its log-likelihood ratios
coverage    not part of "all": how often intervals hold the true value, of 100 simulated lists of 29 speakers

Seconds are CPU seconds of this process and its threads, which other load disturbs least; wall time stands beside.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))


def timed(what: str, call: Callable[[], Any]) -> tuple[Any, float]:
    """Run, print CPU and wall seconds, and return (result, CPU seconds)."""
    wall, cpu = time.perf_counter(), time.process_time()
    result = call()
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    report(what, cpu, wall)
    return result, cpu


def report(what: str, cpu: float, wall: float) -> None:
    print(f"{what:58} {cpu:7.2f} s CPU {wall:7.2f} s wall", flush=True)


def scores(targets: int, nontargets: int) -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(1)
    return draw.standard_normal(targets) + 1.0, draw.standard_normal(nontargets) - 1.0


def million() -> None:
    from sklearn.metrics import roc_curve

    from pseudovox.metrics.eer import eer
    from pseudovox.metrics.privacy import privacy_metrics

    privacy_metrics(*scores(100, 100))  # imports
    rare, common = scores(20_000, 980_000), scores(500_000, 500_000)
    timed("all privacy metrics, 10^6 scores, 20,000 targets", lambda: privacy_metrics(*rare))
    timed("all privacy metrics, 10^6 scores, 500,000 targets", lambda: privacy_metrics(*common))
    target, nontarget = common
    timed("the same as in the VPC 2024", lambda: privacy_metrics(target, nontarget, like="vpc2024"))

    def by_roc_curve() -> float:
        labels = np.concatenate([np.ones(len(target)), np.zeros(len(nontarget))])
        accepts, hits, _ = roc_curve(labels, np.concatenate([target, nontarget]))
        best = np.argmin(np.abs(1 - hits - accepts))
        return 50.0 * (1 - hits[best] + accepts[best])

    ours, own = timed("EER, ours", lambda: eer(target, nontarget))
    other, theirs = timed("EER by sklearn.metrics.roc_curve", by_roc_curve)
    print(f"EER {ours:.4f} and {other:.4f} %; ours takes {own / theirs:.2f} of the time")


def simulated(draw: np.random.Generator, speakers: int, utterances: int, shift: float, effect: float) -> Any:
    """Every speaker's utterances against every speaker, with effects of both speakers and of the pair."""
    from pseudovox.metrics.intervals import TrialList

    grid = np.arange(speakers), np.arange(speakers), np.arange(utterances)
    enrolled, tested, _ = np.meshgrid(*grid, indexing="ij")
    values = draw.standard_normal(speakers)[enrolled] + draw.standard_normal(speakers)[tested]
    values = effect * (values + draw.standard_normal((speakers, speakers))[enrolled, tested])
    values += draw.standard_normal(enrolled.shape) + shift * (enrolled == tested)
    return TrialList(values.ravel(), (enrolled == tested).ravel(), enrolled.ravel(), tested.ravel())


def intervals() -> None:
    from pseudovox.metrics.intervals import bootstrap_intervals

    trials = simulated(np.random.default_rng(1), 29, 36, 2.0, 0.3)  # as many trials as a set of the VPC has
    found, _ = timed(
        f"intervals of all metrics, {len(trials.scores)} trials, 1,000 resamples",
        lambda: bootstrap_intervals(trials, np.random.default_rng(1)),
    )
    print("EER in [{:.2f}, {:.2f}] %".format(*found["eer"]))


def write_lists(folder: Path) -> int:
    """Write `trials` and, in another order, `scores`: 60 speakers against 60, 834 utterances each; how many lines."""
    draw = np.random.default_rng(1)
    pairs = [f"s{one:03d} s{other:03d}-{n:04d}" for one in range(60) for other in range(60) for n in range(834)]
    target = [pair[:4] == pair[5:9] for pair in pairs]
    values = draw.standard_normal(len(pairs)) + 2.0 * np.array(target)
    labels = (f"{pair} {'target' if kind else 'nontarget'}\n" for pair, kind in zip(pairs, target, strict=True))
    (folder / "trials").write_text("".join(labels))
    (folder / "scores").write_text("".join(f"{pairs[n]} {values[n]:.6f}\n" for n in draw.permutation(len(pairs))))
    return len(pairs)


def file() -> None:
    with tempfile.TemporaryDirectory() as folder:
        # In another process: what this one holds would count as the memory of those it starts.
        with ProcessPoolExecutor(1) as pool:
            lines = pool.submit(write_lists, Path(folder)).result()
        for replicates in ("0", "1000"):
            command = [str(ROOT / "steps/score_metrics.py"), "--replicates", replicates, "scores", "trials", replicates]
            environment = {"PYTHONPATH": str(ROOT), "PATH": os.environ["PATH"]}
            wall = time.perf_counter()
            process = subprocess.Popen(
                [sys.executable, *command], cwd=folder, env=environment, stderr=subprocess.DEVNULL
            )
            _, status, used = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            if process.returncode:
                raise subprocess.CalledProcessError(process.returncode, command)
            cpu, wall = used.ru_utime + used.ru_stime, time.perf_counter() - wall
            report(f"steps/score_metrics.py, {lines} lines, {replicates} resamples", cpu, wall)
            print(f"peak memory {used.ru_maxrss / 2**20:.2f} GiB")


def plda() -> None:
    from pseudovox.components.plda import Plda

    draw = np.random.default_rng(1)
    voices = draw.standard_normal((921, 192))
    speakers = draw.integers(0, 921, 104_000)
    vectors = voices[speakers] + 2.0 * draw.standard_normal((104_000, 192))
    names = [str(number) for number in speakers]
    (backend, facts), _ = timed(
        "PLDA, 104,000 embeddings of 921 speakers", lambda: Plda.fit(vectors, names, lda_dimension=200)
    )
    score = backend.scorer(voices, np.full(921, 10))
    tests = vectors[:10_858]
    _, cpu = timed("10^7 log-likelihood ratios", lambda: [score(part).sum() for part in np.array_split(tests, 4)])
    _, bare = timed("the matrix products alone", lambda: [(part @ voices.T).sum() for part in np.array_split(tests, 4)])
    print(f"{facts['rounds']} rounds of EM to {facts['size']} dimensions; scores take {cpu / bare:.1f} x bare products")


def coverage() -> None:
    from pseudovox.metrics.intervals import bootstrap_intervals
    from pseudovox.metrics.privacy import METRICS, privacy_metrics

    def figures(trials: Any) -> dict[str, float]:
        return privacy_metrics(trials.scores[trials.target], trials.scores[~trials.target])

    true = figures(simulated(np.random.default_rng(99), 400, 4, 1.5, 0.4))
    draw = np.random.default_rng(5)
    lists = [simulated(draw, 29, 20, 1.5, 0.4) for _ in range(100)]
    usual = {name: np.mean([figures(trials)[name] for trials in lists]) for name in METRICS}
    found = [bootstrap_intervals(trials, draw, replicates=200) for trials in lists]
    print("95 % intervals that hold     the value of 400 speakers   the mean of such lists")
    for name in METRICS:
        held = [
            np.mean([own[name][0] <= value <= own[name][1] for own in found]) for value in (true[name], usual[name])
        ]
        print(f"{name:28} {held[0]:24.2f} {held[1]:24.2f}")


PARTS = {
    "million": million,
    "intervals": intervals,
    "file": file,
    "plda": plda,
    "coverage": coverage,
}
if __name__ == "__main__":
    for part in sys.argv[1:] or ("million", "intervals", "file", "plda"):
        PARTS[part]()

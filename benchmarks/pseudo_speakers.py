#!/usr/bin/env -S bash -c 'exec "${0%/*}/../utils/python.sh" "$0" "$@"'
"""How fast pseudo-speakers are drawn: 10^5 utterances, each from a generator of its own.

    python benchmarks/pseudo_speakers.py               # half a minute on one core
    python benchmarks/pseudo_speakers.py --count 10000

pca_gmm     by our step's own function, against scikit-learn's `sample(1)` and `inverse_transform`, one by one with one
            running generator, as the published implementation draws, and against all of them in one batch
threshold   pca_gmm with a bound on the cosine to the source, which some draws break
pool        the mean of 100 of the 200 farthest of 600 speakers, cosine

The pool is 1,160 speakers of 512 dimensions (as many as LibriTTS train-other-500 has); 20 components, 3 mixtures.
Seconds are CPU seconds of this process and its threads; wall time stands beside.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
SPEAKERS, DIMENSION = 1160, 512


def timed(what: str, count: int, call: Callable[[], Any]) -> float:
    """Run, print vectors a second, and return CPU seconds a vector."""
    wall, cpu = time.perf_counter(), time.process_time()
    call()
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    print(f"{what:54} {count:7} vectors {cpu:7.2f} s CPU {wall:7.2f} s wall {count / cpu:9.0f} a second", flush=True)
    return cpu / count


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=100_000, help="utterances")
    count = parser.parse_args().count

    from sklearn.decomposition import PCA
    from sklearn.mixture import GaussianMixture

    from pseudovox import config as configuration
    from pseudovox.anonymize import pseudo_speakers
    from pseudovox.anonymize.strategy import Pool
    from pseudovox.data.datadir import DataDir

    draw = np.random.default_rng(1)
    spread = 1 / np.arange(1, DIMENSION + 1)
    vectors = (draw.standard_normal((SPEAKERS, DIMENSION)) * spread).astype(np.float32)
    pool = Pool(vectors, tuple("fm"[row % 2] for row in range(SPEAKERS)))
    utt2spk = {f"s{number % 40:02d}-{number:06d}": f"s{number % 40:02d}" for number in range(count)}
    genders = {speaker: "fm"[row % 2] for row, speaker in enumerate(sorted(set(utt2spk.values())))}
    data = DataDir("data/many", {"wav.scp": dict.fromkeys(utt2spk, "x"), "utt2spk": utt2spk, "spk2gender": genders})
    of_speakers = {speaker: vectors[row] for row, speaker in enumerate(genders)}
    of_utterances = {utterance: of_speakers[speaker] for utterance, speaker in utt2spk.items()}

    def ours(**settings: Any) -> Callable[[], object]:
        options = configuration.load(None, [f"pseudo.{key}={value}" for key, value in settings.items()]).pseudo
        strategy = options.load().fit(pool, options, 1)
        return lambda: pseudo_speakers.sample(
            strategy, None, data, of_utterances, of_speakers, options, level="utt", seed=1
        )

    own = timed("pca_gmm, a generator for each utterance", count, ours())
    timed("pca_gmm, cosine to the source at most 0", count, ours(threshold=0.0))
    timed("pool, 100 of the 200 farthest", count, ours(strategy="pool"))
    pca = PCA(20, svd_solver="full").fit(pool.of("f"))
    mixture = GaussianMixture(3, covariance_type="diag", random_state=np.random.RandomState(1))
    mixture.fit(pca.transform(pool.of("f")))
    few = min(count, 5000)

    def one_by_one() -> None:
        for _ in range(few):
            pca.inverse_transform(mixture.sample(1)[0])

    theirs = timed("scikit-learn, one by one, one generator", few, one_by_one)
    timed("scikit-learn, in one batch, one generator", count, lambda: pca.inverse_transform(mixture.sample(count)[0]))
    print(f"pca_gmm draws {theirs / own:.1f} times as fast as scikit-learn one by one")


if __name__ == "__main__":
    main()

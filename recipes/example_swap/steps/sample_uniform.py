#!/usr/bin/env -S bash -c 'exec "${0%/*}/../../../utils/python.sh" "$0" "$@"'
"""Give every speaker, or every utterance, a pseudo-speaker drawn evenly over the pool's range (stage sample).

Like steps/sample_pseudo_speakers.py, but Uniform draws: a Gaussian mixture seldom samples its edges, whereas this
samples a box uniformly that has the same mean and the same standard deviation along every principal component.
Pseudo-speakers are further apart, and fewer of them sound like the average voice.

Reads   data dirs (without spk2gender, genders are told by the x-vectors); the x-vectors,
        <xvectors>/<data dir>/{xvector,spk_xvector}.scp; the generator fitted by steps/fit_pseudo_speakers.py with
        strategy pca_gmm.
Writes  <out-dir>/<data dir>/: pseudo_xvector.{scp,ark} by utterance, spk2gender of the pseudo-speakers, and
        pseudo_f0.{scp,ark}, the mean and deviation of their log F0 by utterance.

Example
    recipes/example_swap/steps/sample_uniform.py --generator exp/mini/models/pseudo/pca_gmm \\
        --xvectors exp/mini/xvectors data/mini/test_enrolls data/mini/test_trials_f exp/mini/uniform/pseudo
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from pseudovox import stage
from pseudovox.anonymize import sampling
from pseudovox.config import Config
from pseudovox.core.errors import UsageError

if TYPE_CHECKING:  # numpy and all that needs it are imported where they are used: --help must be quick
    import numpy as np

    from pseudovox.anonymize.strategy import Source, Strategy


class Uniform:
    """Samples uniformly from a box with the mean and the standard deviations of the fitted mixture.

    Args:
        fitted: the generator, of strategy pca_gmm.
    """

    def __init__(self, fitted: Strategy) -> None:
        from pseudovox.anonymize.pca_gmm import PcaGmm

        if not isinstance(fitted, PcaGmm):
            raise UsageError(f"pseudo.strategy {fitted.name!r}: this step needs pca_gmm")
        self.models, self.gender_of, self.gendered = fitted.models, fitted.gender_of, fitted.gendered

    def draw(self, source: Source, generator: np.random.Generator) -> np.ndarray:
        """A pseudo-speaker's x-vector, float32 (dimension,); `generator` is of (seed, data dir, speaker) alone."""
        model = self.models.get(source.gender) or self.models["all"]
        mean = model.weights @ model.means
        variance = model.weights @ (model.variances + model.means**2) - mean**2
        # A uniform distribution of half-width w has the standard deviation w / sqrt(3).
        place = mean + math.sqrt(3) * variance**0.5 * generator.uniform(-1, 1, len(mean))
        return (place @ model.components + model.mean).astype("float32")

    def draw_all(self, sources: Sequence[Source], generators: Iterable[np.random.Generator]) -> np.ndarray:
        """An x-vector for each source, (sources, dimension)."""
        import numpy as np

        return np.stack([self.draw(source, own) for source, own in zip(sources, generators, strict=True)])


def main(argv: list[str] | None = None) -> int:
    return stage.main(sampling.parser(__doc__), argv, run)


def run(args: argparse.Namespace, config: Config) -> None:
    sampling.run(args, config, change=Uniform)


if __name__ == "__main__":
    sys.exit(main())

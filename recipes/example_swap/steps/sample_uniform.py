#!/usr/bin/env -S bash -c 'exec "${0%/*}/../../../utils/python.sh" "$0" "$@"'
"""Give every speaker, or every utterance, a pseudo-speaker drawn evenly over the pool's range (stage sample).

Like steps/sample_pseudo_speakers.py, of which it is a copy, but for the class Uniform: where the Gaussian mixture
draws seldom from its edges, this draws evenly from the box around it, which has the same mean and the same deviation
along every principal component. Pseudo-speakers are further apart, and fewer of them sound like the average voice.

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
from pathlib import Path
from typing import TYPE_CHECKING

from pseudovox import stage
from pseudovox.config import Config
from pseudovox.core.errors import UsageError
from pseudovox.data.archive import read_scp, write_arrays
from pseudovox.data.datadir import DataDir, bytewise, write_atomic

if TYPE_CHECKING:  # numpy and all that needs it are imported where they are used: --help must be quick
    import numpy as np

    from pseudovox.anonymize.pseudo_speakers import PcaGmm, Source


class Uniform:
    """Draws evenly over a box with the mean and the deviations of the fitted mixture.

    Args:
        fitted: the generator, of strategy pca_gmm.
    """

    def __init__(self, fitted: PcaGmm) -> None:
        self.models = fitted.models
        self.gender_of = fitted.gender_of

    def draw(self, source: Source, generator: np.random.Generator) -> np.ndarray:
        """A pseudo-speaker's x-vector, float32 (dimension,); `generator` is of (seed, data dir, speaker) alone."""
        model = self.models.get(source.gender) or self.models["all"]
        mean = model.weights @ model.means
        variance = model.weights @ (model.variances + model.means**2) - mean**2
        # An even distribution of half-width w has the deviation w / sqrt(3).
        place = mean + math.sqrt(3) * variance**0.5 * generator.uniform(-1, 1, len(mean))
        return (place @ model.components + model.mean).astype("float32")

    def draw_all(self, sources: Sequence[Source], generators: Iterable[np.random.Generator]) -> np.ndarray:
        """An x-vector for each source, (sources, dimension)."""
        import numpy as np

        return np.stack([self.draw(source, own) for source, own in zip(sources, generators, strict=True)])


def main(argv: list[str] | None = None) -> int:
    parser = stage.parser(__doc__, data_dirs="data dirs whose speakers get other voices")
    parser.add_argument("--generator", type=Path, required=True, help="output of steps/fit_pseudo_speakers.py")
    parser.add_argument("--xvectors", type=Path, required=True, help="root of the x-vectors")
    return stage.main(parser, argv, run)


def run(args: argparse.Namespace, config: Config) -> None:
    for data in stage.load_data(args):
        _sample(args, config, data)


def _sample(args: argparse.Namespace, config: Config, data: DataDir) -> None:
    level = config.levels.of(data.name)
    if level not in ("spk", "utt"):
        raise UsageError(f"levels: {level!r} for {data.name}, expected spk or utt")
    vectors = args.xvectors / data.name
    utterance_vectors, speaker_vectors = (
        read_scp(vectors / "xvector.scp"),
        read_scp(vectors / "spk_xvector.scp"),
    )
    settings = {"pseudo": config.pseudo, "level": level, "set": data.name}
    inputs = [data, vectors, args.generator]
    with stage.output(args, args.out_dir / data.name, settings=settings, inputs=inputs, torch_device=False) as out:
        if out is None:
            return
        from pseudovox.anonymize import pseudo_pitch, pseudo_speakers

        fitted = pseudo_speakers.load(args.generator, config.pseudo)
        if not isinstance(fitted, pseudo_speakers.PcaGmm):
            raise UsageError(f"pseudo.strategy {config.pseudo.strategy!r}: this step needs pca_gmm")
        strategy, pitch = Uniform(fitted), pseudo_pitch.load(args.generator)
        found = pseudo_speakers.sample(
            strategy, pitch, data, utterance_vectors, speaker_vectors, config.pseudo, level=level, seed=args.seed
        )
        write_arrays(out.path, "pseudo_xvector", found.vectors, out.final)
        if found.pitches:
            write_arrays(out.path, "pseudo_f0", found.pitches, out.final)
        genders = "".join(f"{speaker} {found.genders[speaker]}\n" for speaker in bytewise(found.genders))
        write_atomic(out.path / "spk2gender", genders)
        out.counts.update({"utterances": len(found.vectors), "pseudo_speakers": found.drawn})


if __name__ == "__main__":
    sys.exit(main())

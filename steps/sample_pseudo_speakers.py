#!/usr/bin/env -S bash -c 'exec "${0%/*}/../utils/python.sh" "$0" "$@"'
"""Give every speaker, or every utterance, a pseudo-speaker (stage sample).

Whether a data dir is anonymized by speaker or by utterance is said by section `levels`. What a speaker gets depends on
the seed, the data dir's name and the speaker's (or the utterance's) id alone.

With strategy `target` it is a training speaker of a synthesizer of one-hot voices (--synthesizer).

Reads   data dirs (without spk2gender, genders are told by the x-vectors); the x-vectors,
        <xvectors>/<data dir>/{xvector,spk_xvector}.scp; the generator fitted by steps/fit_pseudo_speakers.py (strategy
        `own` needs none); the model dir of steps/train_synthesizer.py (strategy `target` alone, which needs no other).
Writes  <out-dir>/<data dir>/: pseudo_xvector.{scp,ark} by utterance, spk2gender of the pseudo-speakers, and
        pseudo_f0.{scp,ark}, the mean and deviation of their log F0 by utterance, if the generator knows pitch. With
        strategy `target`, utt2target and, at speaker level, spk2target in the place of pseudo_xvector.

Example
    steps/sample_pseudo_speakers.py --generator exp/mini/models/pseudo/pca_gmm --xvectors exp/mini/xvectors \\
        data/mini/test_enrolls data/mini/test_trials_f exp/mini/pca_gmm/pseudo
"""

from __future__ import annotations

import argparse
import sys

from pseudovox import stage
from pseudovox.anonymize import sampling
from pseudovox.config import Config


def main(argv: list[str] | None = None) -> int:
    return stage.main(sampling.parser(__doc__), argv, run)


def run(args: argparse.Namespace, config: Config) -> None:
    sampling.run(args, config)


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env -S bash -c 'exec "${0%/*}/../utils/python.sh" "$0" "$@"'
"""Train a PLDA back end on speaker embeddings (stage asv).

Embeddings are centred, reduced by LDA, brought to one length, and modelled by two Gaussians, one of speakers and one of
a speaker's utterances (pseudovox/components/plda.py). Trained on the speech that the recogniser was trained on: an
attacker's own, original or anonymized. The PLDA of original speech also measures voice distinctiveness.

Reads   data dirs, of whose utterances the speakers count, and their embeddings, <xvectors>/<data dir>/xvector.scp.
        Speakers of the same name in two data dirs are the same.
Writes  a model dir: model.json (what it was trained on) and plda.npz.

Example
    steps/train_plda.py --xvectors exp/mini/asv/original data/mini/train exp/mini/asv/original/plda
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from pseudovox import stage
from pseudovox.config import Config
from pseudovox.core.errors import UsageError
from pseudovox.data.archive import read_alike


def main(argv: list[str] | None = None) -> int:
    parser = stage.parser(__doc__, data_dirs="the training speech", out_dir="the model dir")
    parser.add_argument("--xvectors", type=Path, required=True, help="root of the embeddings")
    return stage.main(parser, argv, run)


def run(args: argparse.Namespace, config: Config) -> None:
    options = config.scoring
    if options.lda_dimension < 0 or options.plda_smoothing < 0:
        raise UsageError("scoring.lda_dimension and scoring.plda_smoothing must not be negative")
    data = stage.load_data(args)
    vectors = read_alike({part.name: args.xvectors / part.name / "xvector.scp" for part in data})
    inputs = [*data, *(args.xvectors / part.name for part in data)]
    settings = {"lda_dimension": options.lda_dimension, "plda_smoothing": options.plda_smoothing}
    with stage.output(args, args.out_dir, settings=settings, inputs=inputs, seeded=False, torch_device=False) as out:
        if out is None:
            return
        import numpy as np

        from pseudovox.components import plda

        utterances = [(part, utterance) for part in data for utterance in part.utterances]
        found, facts = plda.Plda.fit(
            np.stack([vectors[part.name][utterance] for part, utterance in utterances]),
            [part.utt2spk[utterance] for part, utterance in utterances],
            lda_dimension=options.lda_dimension,
            smoothing=options.plda_smoothing,
        )
        plda.save(out.path, found, facts)
        out.counts.update({name: facts[name] for name in ("speakers", "utterances", "rounds")})


if __name__ == "__main__":
    sys.exit(main())

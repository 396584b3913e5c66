#!/usr/bin/env -S bash -c 'exec "${0%/*}/../utils/python.sh" "$0" "$@"'
"""Take the trace of known pseudo-speakers off speaker embeddings: what the informed attacker does (stage asv).

The attacker learns on its own anonymized speech, by ridge regression, what embedding a pseudo x-vector makes one
expect, and subtracts it from all embeddings, of whose utterances it knows the pseudo x-vectors (though not whose voice
they replaced). docs/threat_models.md says what else it knows.

Reads   data dirs that a system made, <original>_<system>; --own-speech: those of the attacker's own speech, whose
        speakers it knows; embeddings, <xvectors>/<data dir>/xvector.scp; pseudo x-vectors,
        <pseudo>/<original>/pseudo_xvector.scp.
Writes  <out-dir>/<data dir>/xvector.{scp,ark}, of the training speech too; model.json (how strong the ridge is, and
        what it gains on held-out speakers) and map.npz.

Example
    steps/subtract_pseudo_speakers.py --system pca_gmm --own-speech data/mini/train_pca_gmm \\
        --xvectors exp/mini/asv/pca_gmm/continued --pseudo exp/mini/pca_gmm/pseudo \\
        data/mini/test_enrolls_pca_gmm data/mini/test_trials_f_pca_gmm exp/mini/asv/pca_gmm/continued/informed
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from pseudovox import stage
from pseudovox.config import Config
from pseudovox.data.archive import read_alike, read_scp, write_arrays
from pseudovox.data.datadir import DataDir


def main(argv: list[str] | None = None) -> int:
    parser = stage.parser(__doc__, data_dirs="anonymized data dirs of the trials")
    parser.add_argument("--system", required=True, help="the system, and the end of its data dirs' names")
    parser.add_argument(
        "--own-speech",
        type=Path,
        action="append",
        required=True,
        metavar="DIR",
        help="of the attacker, to learn on (repeatable)",
    )
    parser.add_argument("--xvectors", type=Path, required=True, help="root of the embeddings")
    parser.add_argument("--pseudo", type=Path, required=True, help="root of the pseudo x-vectors")
    return stage.main(parser, argv, run)


def run(args: argparse.Namespace, config: Config) -> None:
    own_speech = [DataDir.load(path, allow_pipes=args.allow_pipes) for path in args.own_speech]
    for part in own_speech:
        part.system_by_name = args.system
    data = [*own_speech, *stage.load_data(args)]
    made_of = {part.name: args.pseudo / part.origin.source for part in data}
    vectors = read_alike({part.name: args.xvectors / part.name / "xvector.scp" for part in data})
    pseudo = {name: read_scp(folder / "pseudo_xvector.scp") for name, folder in made_of.items()}
    inputs = [*data, *(args.xvectors / part.name for part in data), *made_of.values()]
    settings = {"system": args.system, "own_speech": [part.name for part in own_speech]}
    with stage.output(args, args.out_dir, settings=settings, inputs=inputs, torch_device=False) as out:
        if out is None:
            return
        import numpy as np

        from pseudovox.evaluation import informed

        own = [(part, utterance) for part in own_speech for utterance in part.utterances]
        genders: dict[str, str] = {}
        for part in own_speech:
            genders |= part.tables.get("spk2gender", {})
        found, facts = informed.fit(
            np.stack([vectors[part.name][utterance] for part, utterance in own]),
            np.stack([pseudo[part.name][utterance] for part, utterance in own]),
            [utterance for _, utterance in own],
            [part.utt2spk[utterance] for part, utterance in own],
            genders,
            seed=args.seed,
        )
        informed.save(out.path, found, facts)
        for part in data:
            (out.path / part.name).mkdir(exist_ok=True)
            left = {
                utterance: found.remove(vectors[part.name][utterance], pseudo[part.name][utterance])
                for utterance in part.utterances
            }
            write_arrays(out.path / part.name, "xvector", left, out.final / part.name)
        out.counts["utterances"] = sum(len(part.utterances) for part in data)


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env -S bash -c 'exec "${0%/*}/../utils/python.sh" "$0" "$@"'
"""Give an ECAPA-TDNN to SpeechBrain: a folder that its EncoderClassifier.from_hparams loads.

The same recording then has the same embedding there and here. So the model must be of kind ecapa, with loss aam, and
see the features that SpeechBrain computes (`features.kind: speechbrain`, as in conf/attacker/vpc2024.yaml); another one
is refused, since SpeechBrain would feed it something else than it was trained on.

label_encoder.ckpt, a text, names the training speakers; --no-names numbers them instead.

Reads   a model dir of steps/train_xvector.py or steps/import_xvector.py.
Writes  embedding_model.ckpt classifier.ckpt label_encoder.ckpt hyperparams.yaml.

Example
    steps/export_xvector.py exp/vpc2024/attacker/original exp/vpc2024/speechbrain
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from pseudovox import stage
from pseudovox.config import Config
from pseudovox.models import speechbrain, store


def main(argv: list[str] | None = None) -> int:
    parser = stage.parser(__doc__)
    parser.add_argument("--no-names", action="store_true", help="leave out the training speakers' names")
    parser.add_argument("model", type=Path, help="the model dir")
    parser.add_argument("out_dir", type=Path, help="SpeechBrain's folder of the model")
    return stage.main(parser, argv, run)


def run(args: argparse.Namespace, config: Config) -> None:
    card = store.read_card(args.model, "ecapa")
    speechbrain.check_exportable(card, args.model)
    with stage.output(
        args,
        args.out_dir,
        settings={"names": not args.no_names},
        inputs=[args.model / "model.json", args.model / "weights.safetensors"],
        seeded=False,
        torch_device=False,
    ) as out:
        if out is None:
            return
        network, facts = store.load(args.model, "ecapa")
        speakers = [str(number) for number in range(len(facts["speakers"]))] if args.no_names else facts["speakers"]
        speechbrain.write_folder(out.path, network.state_dict(), card["hyperparameters"], speakers)
        out.counts["speakers"] = len(speakers)


if __name__ == "__main__":
    sys.exit(main())

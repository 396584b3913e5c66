#!/usr/bin/env -S bash -c 'exec "${0%/*}/../utils/python.sh" "$0" "$@"'
"""Make the pool of timbres that FACodec's pseudo-speakers are drawn from (stage fit).

The timbres of all utterances of the pool are extracted, and the strategy of section `pseudo` is fitted on them
(strategy pool with `of: utterances` keeps them all). The pool is the data dirs given, or the recordings of
system.options.pool.folder, <folder>/<speaker>/*.wav, with system.options.pool.genders, lines `<speaker> f|m`.

Reads   data dirs with spk2gender, or a folder of recordings; the codec: system.options.codec.model, else the published
        weights (system.options.codec.source=published), else --codec.
Writes  pseudo.json, pseudo.npz: a generator for steps/sample_pseudo_speakers.py.

Examples
    steps/fit_facodec_pool.py --config exp/openspeech/facodec/config.yaml --codec exp/openspeech/models/facodec \\
        data/openspeech/dev-clean exp/openspeech/facodec/generator
    ./run.sh --recipe own --system facodec --set data.folder=/my/wavs --set system.options.pool.folder=/their/wavs \\
        --set system.options.pool.genders=genders.txt
"""

from __future__ import annotations

import argparse
import copy
import functools
import shutil
import sys
from pathlib import Path
from typing import Any

from pseudovox import stage
from pseudovox.anonymize.facodec.options import Options
from pseudovox.config import Config
from pseudovox.core.errors import UsageError
from pseudovox.data.datadir import DataDir


def main(argv: list[str] | None = None) -> int:
    parser = stage.parser(__doc__)
    parser.add_argument("--codec", type=Path, help="model dir of the recipe's codec")
    parser.add_argument("data_dirs", nargs="*", type=Path, help="data dirs of the pool")
    parser.add_argument("out_dir", type=Path, help="the generator")
    parser.set_defaults(allow_pipes=False, channel=0)
    return stage.main(parser, argv, run)


def run(args: argparse.Namespace, config: Config) -> None:
    options = stage.own_options(config, Options)
    options.check()
    data = _data(args, options, config)
    from pseudovox.anonymize.facodec import speech

    sources = speech.source_of(options, args.codec)
    settings = [config.pseudo, {"normalise": options.normalise}]
    with stage.output(args, args.out_dir, settings=settings, inputs=[*data, *sources]) as out:
        if out is None:
            return
        import numpy as np

        from pseudovox.anonymize import pseudo_speakers
        from pseudovox.anonymize.facodec.worker import TimbreWorker
        from pseudovox.anonymize.strategy import Pool
        from pseudovox.components.embeddings import speaker_means
        from pseudovox.data.archive import read_scp

        timbres = out.path / "timbres"
        each = copy.copy(args)
        each.force = False
        stage.map_utterances(
            each,
            data,
            timbres,
            settings={"normalise": options.normalise},
            inputs=lambda part: sources,
            worker=lambda: functools.partial(TimbreWorker, options, args.codec),
            arrays=("xvector",),
        )
        means: list[Any] = []
        genders: list[str] = []
        utterances: list[Any] = []
        rows: list[int] = []
        for part in data:
            own = read_scp(timbres / part.name / "xvector.scp")
            for speaker, mean in speaker_means(part.spk2utt, own).items():
                spoken = part.spk2utt[speaker]
                rows += [len(means)] * len(spoken)
                utterances += [own[utterance] for utterance in spoken]
                means.append(mean)
                genders.append(part.tables.get("spk2gender", {}).get(speaker, "m"))
        pool = Pool(np.stack(means), tuple(genders), np.stack(utterances), np.array(rows))
        strategy = config.pseudo.load().fit(pool, config.pseudo, args.seed)
        lengths = np.linalg.norm(pool.utterances, axis=1)  # type: ignore[arg-type]
        facts = {"timbre_length": [round(float(lengths.mean()), 4), round(float(lengths.std()), 4)]}
        pseudo_speakers.save(out.path, strategy, facts)
        shutil.rmtree(timbres)
        out.counts.update({"speakers": len(means), "utterances": len(utterances)})


def _data(args: argparse.Namespace, options: Options, config: Config) -> list[DataDir]:
    given = options.pool
    if given.folder:
        from pseudovox import corpora
        from pseudovox.corpora.folder import read_folder

        if not given.genders and not config.pseudo.combine_genders:
            raise UsageError(
                f"{given.folder}: which of its speakers are women was not said",
                "--set system.options.pool.genders=FILE, lines `<speaker> f|m`, or --set pseudo.combine_genders=true",
            )
        genders = Path(given.genders) if given.genders else None
        recordings = read_folder(Path(given.folder), with_text=False, genders=genders)
        return [corpora.data_dir(recordings, given.folder, jobs=args.nj)]
    if not args.data_dirs:
        raise UsageError(
            "whose timbres are to be averaged was not said: there is no pool (sets.pool)",
            "--set system.options.pool.folder=FOLDER: <speaker>/*.wav of others, and "
            "--set system.options.pool.genders=FILE",
        )
    need = () if config.pseudo.combine_genders else ("spk2gender",)
    return stage.load_data(args, need=need)


if __name__ == "__main__":
    sys.exit(main())

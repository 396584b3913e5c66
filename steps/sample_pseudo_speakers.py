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
from pathlib import Path

from pseudovox import stage
from pseudovox.anonymize import targets
from pseudovox.config import Config
from pseudovox.core.errors import UsageError
from pseudovox.data.archive import read_scp, write_arrays
from pseudovox.data.datadir import DataDir, bytewise, write_atomic
from pseudovox.data.datadir.tables import SPK2TARGET, UTT2TARGET


def main(argv: list[str] | None = None) -> int:
    parser = stage.parser(__doc__, data_dirs="data dirs whose speakers get other voices")
    parser.add_argument("--generator", type=Path, help="output of steps/fit_pseudo_speakers.py")
    parser.add_argument("--xvectors", type=Path, help="root of the x-vectors")
    parser.add_argument("--synthesizer", type=Path, help="model dir of a synthesizer of one-hot voices")
    return stage.main(parser, argv, run)


def run(args: argparse.Namespace, config: Config) -> None:
    if config.pseudo.strategy == targets.STRATEGY:
        if args.synthesizer is None:
            raise UsageError("strategy target: whose speakers the targets are was not said (--synthesizer)")
        for data in stage.load_data(args):
            _choose(args, config, data)
        return
    if args.xvectors is None:
        raise UsageError(f"strategy {config.pseudo.strategy} needs --xvectors")
    for data in stage.load_data(args):
        _sample(args, config, data)


def _sample(args: argparse.Namespace, config: Config, data: DataDir) -> None:
    level = _level(config, data)
    vectors = args.xvectors / data.name
    utterance_vectors, speaker_vectors = (
        read_scp(vectors / "xvector.scp"),
        read_scp(vectors / "spk_xvector.scp"),
    )
    inputs: list[Path | DataDir] = [data, vectors]
    if args.generator and args.generator.exists():
        inputs.append(args.generator)
    settings = {"pseudo": config.pseudo, "level": level, "set": data.name}
    with stage.output(args, args.out_dir / data.name, settings=settings, inputs=inputs, torch_device=False) as out:
        if out is None:
            return
        from pseudovox.anonymize import pseudo_pitch, pseudo_speakers

        strategy = pseudo_speakers.load(args.generator, config.pseudo)
        pitch = pseudo_pitch.load(args.generator) if args.generator and strategy.fitted else None
        found = pseudo_speakers.sample(
            strategy, pitch, data, utterance_vectors, speaker_vectors, config.pseudo, level=level, seed=args.seed
        )
        write_arrays(out.path, "pseudo_xvector", found.vectors, out.final)
        if found.pitches:
            write_arrays(out.path, "pseudo_f0", found.pitches, out.final)
        _write_genders(out.path, found.genders)
        out.counts.update({"utterances": len(found.vectors), "pseudo_speakers": found.drawn})


def _choose(args: argparse.Namespace, config: Config, data: DataDir) -> None:
    """Targets in the place of x-vectors: strategy `target`."""
    level = _level(config, data)
    speakers = targets.read(args.synthesizer)
    settings = {"pseudo": config.pseudo, "level": level, "set": data.name}
    inputs = [data, args.synthesizer]
    with stage.output(args, args.out_dir / data.name, settings=settings, inputs=inputs, torch_device=False) as out:
        if out is None:
            return
        import numpy as np

        chosen = targets.choose(speakers, data, config.pseudo, level=level, seed=args.seed)
        for name, table in ((UTT2TARGET, chosen.utterances), (SPK2TARGET, chosen.speakers)):
            if table:
                write_atomic(out.path / name, "".join(f"{key} {table[key].id}\n" for key in bytewise(table)))
        pitches = {utterance: np.array(target.log_f0) for utterance, target in chosen.utterances.items()}
        write_arrays(out.path, "pseudo_f0", pitches, out.final)
        _write_genders(out.path, chosen.genders)
        drawn = len({target.id for target in chosen.utterances.values()})
        out.counts.update({"utterances": len(chosen.utterances), "pseudo_speakers": drawn})


def _level(config: Config, data: DataDir) -> str:
    level = config.levels.of(data.name)
    if level not in ("spk", "utt"):
        raise UsageError(f"levels: {level!r} for {data.name}, expected spk or utt")
    return level


def _write_genders(folder: Path, genders: dict[str, str]) -> None:
    if genders:
        write_atomic(folder / "spk2gender", "".join(f"{speaker} {genders[speaker]}\n" for speaker in bytewise(genders)))


if __name__ == "__main__":
    sys.exit(main())

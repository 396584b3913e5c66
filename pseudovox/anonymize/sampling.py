"""Stage sample: a pseudo-speaker for every speaker or utterance of data dirs, written as the next stages read it."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pseudovox import stage
from pseudovox.anonymize import targets
from pseudovox.config import Config
from pseudovox.core.errors import UsageError
from pseudovox.data.archive import read_scp, write_arrays
from pseudovox.data.datadir import DataDir, bytewise, write_atomic
from pseudovox.data.datadir.tables import SPK2TARGET, UTT2TARGET

if TYPE_CHECKING:  # numpy and all that needs it are imported where they are used: --help must be quick
    import numpy as np

    from pseudovox.anonymize.strategy import Draws, Strategy

    Prepared = tuple[Sequence[targets.Target], dict[str, np.ndarray]]


def parser(manual: str | None) -> argparse.ArgumentParser:
    """The step's options; `manual` is its docstring, which --help shows."""
    made = stage.parser(manual, data_dirs="data dirs whose speakers get other voices")
    made.add_argument("--generator", type=Path, help="output of steps/fit_pseudo_speakers.py")
    made.add_argument("--xvectors", type=Path, help="root of the x-vectors")
    made.add_argument("--synthesizer", type=Path, help="model dir of a synthesizer of one-hot voices")
    return made


def run(args: argparse.Namespace, config: Config, change: Callable[[Strategy], Draws] | None = None) -> None:
    """Write the pseudo-speakers of each data dir.

    Args:
        args: of `parser`.
        change: given the fitted strategy, makes what draws in its place (`draw_all` as of Strategy): for a script that
            stands in for the step (recipes/example_swap).

    Raises:
        UsageError: an input that the strategy needs was not given, or a level that there is not.
    """
    if config.pseudo.gives == "targets":
        if args.synthesizer is None:
            raise UsageError(
                f"strategy {config.pseudo.strategy}: whose speakers the targets are was not said (--synthesizer)"
            )
        for data in stage.load_data(args):
            _choose(args, config, data)
        return
    if args.xvectors is None:
        raise UsageError(f"strategy {config.pseudo.strategy} needs --xvectors")
    for data in stage.load_data(args):
        _sample(args, config, data, change)


def _sample(
    args: argparse.Namespace, config: Config, data: DataDir, change: Callable[[Strategy], Draws] | None
) -> None:
    level = level_of(config, data)
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
        draws = change(strategy) if change else strategy
        found = pseudo_speakers.sample(
            draws, pitch, data, utterance_vectors, speaker_vectors, config.pseudo, level=level, seed=args.seed
        )
        write_arrays(out.path, "pseudo_xvector", found.vectors, out.final)
        if found.pitches:
            write_arrays(out.path, "pseudo_f0", found.pitches, out.final)
        _write_genders(out.path, found.genders)
        out.counts.update({"utterances": len(found.vectors), "pseudo_speakers": found.drawn})


def _choose(args: argparse.Namespace, config: Config, data: DataDir) -> None:
    """Targets in the place of x-vectors: strategy `target`."""
    level = level_of(config, data)
    speakers = targets.read(args.synthesizer)
    settings = {"pseudo": config.pseudo, "level": level, "set": data.name}
    inputs = [data, args.synthesizer]
    with stage.output(args, args.out_dir / data.name, settings=settings, inputs=inputs, torch_device=False) as out:
        if out is None:
            return
        write_targets(out, targets.choose(speakers, data, config.pseudo, level=level, seed=args.seed))


def draw_prepared(args: argparse.Namespace, config: Config, folder: Path, prepared: Callable[[Path], Prepared]) -> None:
    """Draw the targets of each data dir from those that stage fit prepared (strategy `target`), and write them.

    Args:
        folder: what stage fit made.
        prepared: given it, its targets and, if they are vectors, the pseudo x-vector of each by its id.

    Raises:
        UsageError: another strategy, or a level that there is not.
    """
    options: Any = config.pseudo
    if options.gives != "targets":
        raise UsageError(f"pseudo.strategy {options.strategy}: draws no targets; expected target")
    for data in stage.load_data(args, reads=("spk2gender",)):
        level = level_of(config, data)
        chosen = {"target": options.target, "target_gender": options.target_gender}
        settings = {"pseudo": chosen, "level": level, "set": data.name}
        inputs: list[Path | DataDir] = [data, folder]
        with stage.output(args, args.out_dir / data.name, settings=settings, inputs=inputs, torch_device=False) as out:
            if out is None:
                continue
            there, vectors = prepared(folder)
            found = targets.choose(there, data, options, level=level, seed=args.seed, whose=targets.PREPARED)
            if vectors:
                known = {utterance: vectors[target.id] for utterance, target in found.utterances.items()}
                write_arrays(out.path, "pseudo_xvector", known, out.final)
            write_targets(out, found)


def write_targets(out: stage.Output, chosen: targets.Chosen) -> None:
    """Write the targets of a data dir: utt2target, spk2target, pseudo_f0 and spk2gender, and count them."""
    import numpy as np

    for name, table in ((UTT2TARGET, chosen.utterances), (SPK2TARGET, chosen.speakers)):
        if table:
            write_atomic(out.path / name, "".join(f"{key} {table[key].id}\n" for key in bytewise(table)))
    pitches = {utterance: np.array(target.log_f0) for utterance, target in chosen.utterances.items()}
    write_arrays(out.path, "pseudo_f0", pitches, out.final)
    _write_genders(out.path, chosen.genders)
    drawn = len({target.id for target in chosen.utterances.values()})
    out.counts.update({"utterances": len(chosen.utterances), "pseudo_speakers": drawn})


def level_of(config: Config, data: DataDir) -> str:
    """The level, "spk" or "utt", at which a data dir is anonymized; UsageError if it is another word."""
    level = config.levels.of(data.name)
    if level not in ("spk", "utt"):
        raise UsageError(f"levels: {level!r} for {data.name}, expected spk or utt")
    return level


def _write_genders(folder: Path, genders: dict[str, str]) -> None:
    if genders:
        write_atomic(folder / "spk2gender", "".join(f"{speaker} {genders[speaker]}\n" for speaker in bytewise(genders)))

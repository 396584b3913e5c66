"""Which targets an utterance is converted to: drawn by speaker or by utterance, one or several in a chain.

A draw is that of one-hot voices (anonymize.targets): the same, the opposite or any gender, never oneself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pseudovox.anonymize import targets
from pseudovox.anonymize.knnvc import phone_targets
from pseudovox.core.errors import DataError
from pseudovox.core.seeds import seed_for
from pseudovox.data.archive import write_arrays
from pseudovox.data.datadir import bytewise, write_atomic
from pseudovox.data.datadir.tables import SPK2TARGET, UTT2TARGET
from pseudovox.models import store

if TYPE_CHECKING:
    from pseudovox.anonymize.knnvc.clusters import ByPhone
    from pseudovox.config import PseudoSpeakers
    from pseudovox.data.datadir import DataDir

CHAINS = "utt2chain"  # table of an utterance's targets, the last one being the voice that is heard


def chain_of(text: str) -> tuple[str, ...]:
    """The targets of a line of CHAINS."""
    return tuple(text.split())


def speakers_of(facts: dict[str, Any], where: str) -> list[targets.Target]:
    """The targets that a card's facts name; DataError where they are not as they should be."""
    try:
        return [
            targets.Target(str(one["id"]), str(one["gender"]), (float(one["log_f0"][0]), float(one["log_f0"][1])))
            for one in facts["speakers"]
        ]
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise DataError(f"{where}: facts.speakers: {error}", store.REDO) from None


def choose(
    known: Sequence[targets.Target], data: DataDir, options: PseudoSpeakers, *, level: str, seed: int, steps: int
) -> tuple[dict[str, tuple[targets.Target, ...]], targets.Chosen]:
    """A chain of targets for every utterance of a data dir.

    Args:
        known: the targets.
        data, options, level, seed: see targets.choose.
        steps: targets of a chain.

    Returns:
        (the chain of each utterance, the last links as targets.choose gives them)

    Raises:
        as targets.choose.
    """
    # The last link has the seed itself, so that a chain of one is the plain choice.
    numbers = [seed_for(seed, "target-chain", str(step)) for step in range(steps - 1)] + [seed]
    links = [targets.choose(known, data, options, level=level, seed=number) for number in numbers]
    return {utt: tuple(link.utterances[utt] for link in links) for utt in data.utterances}, links[-1]


def write(
    folder: Path, final: Path, chains: dict[str, tuple[targets.Target, ...]], last: targets.Chosen,
    known: Mapping[str, ByPhone],
) -> None:  # fmt: skip
    """Write what was chosen, as the next stages and the attackers read it: see steps/choose_targets.py.

    Args:
        folder: of the data dir's output, which will lie in `final`.
        chains, last: as `choose` gives them.
        known: the targets, for their mean voices.
    """
    for name, table in ((UTT2TARGET, last.utterances), (SPK2TARGET, last.speakers)):
        if table:
            write_atomic(folder / name, "".join(f"{key} {table[key].id}\n" for key in bytewise(table)))
    lines = (f"{key} {' '.join(target.id for target in chains[key])}\n" for key in bytewise(chains))
    write_atomic(folder / CHAINS, "".join(lines))
    genders = last.genders
    write_atomic(folder / "spk2gender", "".join(f"{speaker} {genders[speaker]}\n" for speaker in bytewise(genders)))
    voices = {name: phone_targets.mean_voice(known[name]) for name in {one.id for one in last.utterances.values()}}
    vectors = {utterance: voices[target.id] for utterance, target in last.utterances.items()}
    write_arrays(folder, "pseudo_xvector", vectors, final)

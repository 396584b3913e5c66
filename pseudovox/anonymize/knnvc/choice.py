"""Which targets an utterance is converted to: drawn by speaker or by utterance, one or several in a chain.

A draw is that of one-hot voices (anonymize.targets): the same, the opposite or any gender, never oneself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pseudovox.anonymize import targets
from pseudovox.core.errors import DataError
from pseudovox.core.seeds import seed_for
from pseudovox.models import store

if TYPE_CHECKING:
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

"""Attackers: what each of them knows, what it compares, and which systems it attacks.

Their steps are in stages 10 and 11 of run.sh; docs/threat_models.md says exactly what each is given.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pseudovox.config.schema import Config


def _attacks(config: Config) -> str:
    return ""


def _trained(config: Config) -> str:
    if not config.system.attacked:
        return "its configuration says that no attacker is trained on it (system.attacked: false)"
    if not config.attacks.semi_informed:
        return "the recipe trains no attacker on anonymized speech (attacks.semi_informed)"
    return ""


def _informed(config: Config) -> str:
    if why := _trained(config):
        return why
    if not config.attacks.informed:
        return "attacks.informed is false"
    # (The speakers of a synthesizer are no vectors.)
    of_synthesizer = config.system.base == "xvector" and config.pseudo.gives != "x-vectors"
    if of_synthesizer or not config.system.draws_vectors or all(step.stage != "sample" for step in config.system.steps):
        return "the system draws no pseudo x-vectors that an attacker could know"
    return "" if not config.system.base or "sample" in config.system.stages else "the system draws no pseudo x-vectors"


def _seed_informed(config: Config) -> str:
    if not config.attacks.seed_informed:
        return "attacks.seed_informed is false"
    return "" if config.system.step == "anonymize_mcadams" else "no McAdams coefficient is drawn that it could undo"


@dataclass(frozen=True)
class Attacker:
    """An attacker.

    Attributes:
        sides: enrolment and trial speech in the VoicePrivacy Challenge's terms: OO, OA or AA (original, anonymized).
        knows: what it knows, as a clause after its name.
        refused: why it does not attack a system, given the system's configuration; "" = it does.
        further: it has a column only where it attacked.
    """

    sides: str
    knows: str
    refused: Callable[[Config], str] = _attacks
    further: bool = False


ATTACKERS = {
    "original": Attacker("OO", "both recordings are original: how well voices are recognised without anonymization"),
    "ignorant": Attacker(
        "OA", "has an original recording of the speaker and does not know that the other one is anonymized"
    ),
    "lazy-informed": Attacker(
        "AA", "anonymizes the recording that it has with the same system, but was trained on original speech"
    ),
    "semi-informed": Attacker(
        "AA", "has, beyond that, trained its own system on anonymized speech; judge privacy by this one", _trained
    ),
    "informed": Attacker(
        "AA", "knows, beyond that, the pseudo x-vector of every utterance, though not whose voice it replaced",
        _informed,
    ),
    "seed-informed": Attacker(
        "OA", "is the ignorant one, but knows the seed of the run and first undoes what was drawn by it",
        _seed_informed, further=True,
    ),
}  # fmt: skip
TRAINED = ("semi-informed", "informed")  # on anonymized speech, in several ways (attacks.semi_informed)

"""What the steps of speech to text to speech do with each utterance, in worker processes."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pseudovox.anonymize.sttts import symbols
from pseudovox.anonymize.sttts.prosody import Prosody, frame_energy, measure
from pseudovox.anonymize.sttts.speaking import Speaker
from pseudovox.anonymize.sttts.transforms import transform
from pseudovox.components import f0
from pseudovox.core.errors import DataError
from pseudovox.data.archive import read_scp

if TYPE_CHECKING:
    from pseudovox import config
    from pseudovox.anonymize.sttts.options import Transforms
    from pseudovox.stage.parallel import Utterance

EMOTION, PITCH = "emotion", "pseudo_f0"


class ProsodyWorker:
    """Measures the prosody of recognised phones; gives `prosody` (phones, 4).

    Args:
        phones: root of <set>/phones.scp.
        contours: root of <set>/f0.scp.
    """

    def __init__(self, phones: Path, contours: Path, *, device: str = "cpu") -> None:
        self.phones, self.contours = phones, contours
        self.open = cache(read_scp)

    def process(self, batch: list[Utterance]) -> Iterator[tuple[Utterance, dict[str, np.ndarray]]]:
        for utterance in batch:
            name = utterance.data.name
            found = self.open(self.phones / name / "phones.scp")[utterance.id]
            codes, durations = np.rint(found).astype(np.int64).T
            contour = self.open(self.contours / name / "f0.scp")[utterance.id]
            energy = frame_energy(utterance.audio())
            if not int(durations.sum()) == len(contour) == len(energy):
                raise DataError(
                    f"{len(energy)} frames of speech, {int(durations.sum())} of phones and {len(contour)} of F0: they "
                    "belong to other audio"
                )
            voiced, silent = symbols.is_voiced(codes), codes == symbols.SILENCE
            yield utterance, {"prosody": measure(codes, durations, contour, energy, voiced, silent).array()}


class TransformWorker:
    """Multiplies the prosody of phones (see transforms.transform); gives `prosody` (phones, 4).

    Args:
        options: section system.options.transforms.
        seed: of the draws.
        prosody: root of <set>/prosody.scp.
    """

    def __init__(self, options: Transforms, seed: int, prosody: Path, *, device: str = "cpu") -> None:
        self.options, self.seed, self.prosody = options, seed, prosody
        self.open = cache(read_scp)

    def process(self, batch: list[Utterance]) -> Iterator[tuple[Utterance, dict[str, np.ndarray]]]:
        for utterance in batch:
            own = Prosody.of(self.open(self.prosody / utterance.data.name / "prosody.scp")[utterance.id])
            identity = f"{utterance.data.name}/{utterance.id}"
            yield utterance, {"prosody": transform(own, self.options, self.seed, identity).array()}


class SpeakWorker:
    """Speaks utterances of data dirs in a worker process; gives the samples of each.

    Args:
        model, synthesis, pitch, vocoder: see Speaker.
        prosody: root of <set>/prosody.scp, as steps/extract_prosody.py or steps/transform_prosody.py leaves it.
        voices: root of the pseudo-speakers, <set>/pseudo_xvector.scp and, if they have one, pseudo_f0.scp.
        emotions: root of <set>/emotion.scp; None = there are none.
        predicted: durations, F0 and energy as the network expects them.
    """

    def __init__(
        self, model: Path, synthesis: config.Synthesis, pitch: config.F0, vocoder: Path | None, prosody: Path,
        voices: Path, emotions: Path | None, predicted: bool, *, device: str = "cpu",
    ) -> None:  # fmt: skip
        self.speak = Speaker(model, synthesis, pitch, vocoder, device)
        self.prosody, self.voices, self.emotions, self.predicted = prosody, voices, emotions, predicted
        self.open = cache(read_scp)

    def process(self, batch: list[Utterance]) -> Iterator[tuple[Utterance, np.ndarray]]:
        """One by one on every device, so that an utterance cannot depend on what it would share a batch with."""
        for utterance in batch:
            name = utterance.data.name
            prosody = Prosody.of(self.open(self.prosody / name / "prosody.scp")[utterance.id])
            voice = np.asarray(self.open(self.voices / name / "pseudo_xvector.scp")[utterance.id])
            pitch, level = self.voices / name / f"{PITCH}.scp", None
            if pitch.exists():
                level = float(self.open(pitch)[utterance.id][0])
            emotion = None
            if self.emotions is not None:
                emotion = np.asarray(self.open(self.emotions / name / f"{EMOTION}.scp")[utterance.id]).reshape(-1)
            original = utterance.audio()
            frames = f0.frame_count(len(original))
            if self.predicted and (prosody.phones != symbols.SILENCE).any():
                prosody = self.speak.expected(prosody, voice, emotion)
            # As long as the recording, to the sample, where its phones are.
            samples = len(original) if int(prosody.durations.sum()) == frames else None
            yield utterance, self.speak(prosody, voice, emotion, level=level, samples=samples, original=original)

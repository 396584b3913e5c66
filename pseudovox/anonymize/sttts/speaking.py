"""Speech from phones, their prosody and a voice: the network of text to speech, and WORLD or a vocoder behind it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from pseudovox.anonymize.sttts import symbols
from pseudovox.anonymize.sttts.prosody import Prosody
from pseudovox.components import f0, world
from pseudovox.core import blocks
from pseudovox.core.errors import DataError
from pseudovox.models import store
from pseudovox.models.text_to_speech import LONGEST_PHONE

if TYPE_CHECKING:
    from pseudovox import config
    from pseudovox.models.text_to_speech import TextToSpeech

KIND, VOCODER_KIND = "text_to_speech", "feature_hifigan"
FRAMES_PER_SECOND = 100
VOICED = 0.0  # logit of voicing from which a frame has a voice
# An F0 farther from the utterance's mean than so many octaves is not spoken: multipliers of phones do not add up.
OCTAVES = 1.5


class Speaker:
    """A trained network of text to speech.

    Args:
        model: its model dir.
        synthesis: section `synthesis` of the configuration.
        pitch: section `f0`: the range that F0 stays in.
        vocoder: model dir of the vocoder of log-mel energies, for a network that makes these.
        device: torch device; WORLD is always on the CPU.

    Raises:
        MissingModelError, DataError: as store.load; DataError too for log-mel energies without a vocoder for them.
    """

    def __init__(
        self, model: Path, synthesis: config.Synthesis, pitch: config.F0, vocoder: Path | None = None,
        device: str = "cpu",
    ) -> None:  # fmt: skip
        self.network: TextToSpeech
        self.network, self.facts = store.load(model, KIND, device=device)
        self.synthesis, self.pitch, self.device = synthesis, pitch, device
        self.vocoder: torch.nn.Module | None = None
        if self.facts["target"] == "mel":
            if vocoder is None:
                raise DataError(f"{model}: makes log-mel energies, and no vocoder of these was given (--vocoder)")
            self.vocoder, facts = store.load(vocoder, VOCODER_KIND, device=device)
            wanted = 2 * self.network.envelope
            if facts["dimension"] != wanted:
                raise DataError(
                    f"{vocoder}: takes {facts['dimension']} numbers every 20 ms, expected {wanted}: two frames of "
                    f"{self.network.envelope} log-mel energies"
                )

    @torch.inference_mode()
    def expected(self, prosody: Prosody, voice: np.ndarray, emotion: np.ndarray | None) -> Prosody:
        """The phones with the prosody that the network expects. Silence at both ends lasts as long as it did.

        Args:
            prosody: of which only the phones, and the silence before the first and behind the last, count.
            voice, emotion: see `__call__`.
        """
        _, hidden, mask = self._encoded(prosody, voice, emotion)
        found = self.network.expected(hidden, mask)
        durations = found.log_duration[0].exp().round().clamp(1, LONGEST_PHONE).cpu().numpy().astype(np.int64)
        silent = prosody.phones == symbols.SILENCE
        for place in (0, -1):
            if silent[place]:
                durations[place] = prosody.durations[place]
        voiced = symbols.is_voiced(prosody.phones)
        pitch = np.maximum(found.pitch[0].cpu().numpy(), 0.05) * voiced
        energy = np.maximum(found.energy[0].cpu().numpy(), 0.0) * ~silent
        return Prosody(prosody.phones, durations, pitch.astype(np.float32), energy.astype(np.float32))

    @torch.inference_mode()
    def __call__(
        self, prosody: Prosody, voice: np.ndarray, emotion: np.ndarray | None = None, *, level: float | None = None,
        samples: int | None = None, original: np.ndarray | None = None,
    ) -> np.ndarray:  # fmt: skip
        """Speech.

        Args:
            prosody: of the phones.
            voice: x-vector of the voice to speak with (dimension,).
            emotion: embedding of the emotion (dimension,), for a network that hears it.
            level: the mean of log F0; None: as the network expects it of the voice.
            samples: length of the result; None: as long as the phones last.
            original: the recording (samples,), as loud as which the result is at most (see world.as_loud).

        Returns:
            float32 (samples,) in [-0.95, 0.95] at 16 kHz; digital silence where nothing but silence is to be spoken.

        Raises:
            DataError: a voice or an emotion is not of the dimension that the network was trained with.
        """
        frames = int(prosody.durations.sum())
        length = f0.FRAME_SHIFT * frames if samples is None else samples
        if (prosody.phones == symbols.SILENCE).all():
            return np.zeros(length, np.float32)
        made, contour = self._frames(prosody, voice, emotion, level)
        if self.vocoder is None:
            analysis = world.Analysis(made[:, : self.network.envelope], made[:, self.network.envelope :])
            speech = world.synthesize(analysis, contour, length)
        else:
            speech = self._vocoded(made)
            speech = np.pad(speech, (0, max(0, length - len(speech))))[:length]
        if original is None:
            return world.set_speech_level(speech, self.synthesis.level)
        return world.as_loud(speech, original, self.synthesis.level)

    def _encoded(
        self, prosody: Prosody, voice: np.ndarray, emotion: np.ndarray | None
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """(speaker, encoded phones, their mask), with a batch of one."""
        expected = (self.facts["xvector"], self.facts["emotion"])
        given = (len(voice), 0 if emotion is None or not expected[1] else len(emotion))
        if given != expected:
            raise DataError(
                f"x-vector and embedding of the emotion have dimensions {given[0]} and {given[1]}; text to speech was "
                f"trained with {expected[0]} and {expected[1]}"
            )
        network = self.network
        phones = torch.from_numpy(symbols.features(prosody.phones))[None].to(self.device)
        mask = torch.ones(phones.shape[:2], dtype=torch.bool, device=self.device)
        speaker = network.speaker(self._tensor(voice), self._emotion(emotion))
        return speaker, network.encode(phones, mask, speaker), mask

    def _tensor(self, array: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(np.ascontiguousarray(array))[None].to(self.device)

    def _emotion(self, emotion: np.ndarray | None) -> torch.Tensor | None:
        return self._tensor(emotion.astype(np.float32)) if emotion is not None and self.network.emotion else None

    def _frames(
        self, prosody: Prosody, voice: np.ndarray, emotion: np.ndarray | None, level: float | None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Acoustic frames (frames, numbers) in their own units, and F0 in Hz (frames,)."""
        network, frames = self.network, int(prosody.durations.sum())
        speaker, hidden, _ = self._encoded(prosody, voice, emotion)
        given = [self._tensor(array) for array in (prosody.durations, prosody.pitch, prosody.energy)]
        context = network.context if network.context >= 0 else frames
        parts = []
        for block in blocks.cut(frames, blocks.size(FRAMES_PER_SECOND), context):
            start = torch.tensor([block.first], device=self.device)
            own = network.decode(
                hidden, given[0], given[1], given[2], speaker, self._emotion(emotion), start, block.last - block.first
            )
            parts.append(network.refined(own)[0, block.kept].cpu())
            blocks.report(block.end / frames)
        found = torch.cat(parts)
        count = network.envelope + network.aperiodicity
        natural = found[:, :count] * network.frame_deviation.cpu() + network.frame_mean.cpu()
        if self.facts["target"] != "world":
            return natural.numpy(), np.zeros(0, np.float32)
        envelope = natural[:, : network.envelope]
        centre = envelope.mean(0)
        natural[:, : network.envelope] = centre + (envelope - centre) * network.spread.cpu() ** self.synthesis.sharpen
        mean = level
        if mean is None:
            mean = float(network.level(speaker)[0, 0] + network.f0_statistics[0])
        within = found[:, count] * network.f0_statistics[1].cpu()
        limit = OCTAVES * float(np.log(2))
        contour = np.exp(mean + within.clamp(-limit, limit).numpy())
        voiced = (found[:, count + 1] > VOICED).numpy()
        return natural.numpy(), np.where(voiced, np.clip(contour, self.pitch.floor, self.pitch.ceiling), 0.0)

    def _vocoded(self, mel: np.ndarray) -> np.ndarray:
        """The waveform of log-mel energies (frames, bins): the vocoder takes two frames of 10 ms at once."""
        assert self.vocoder is not None
        even = f0.fit_length(mel, len(mel) + len(mel) % 2)
        wave: torch.Tensor = self.vocoder(self._tensor(even.reshape(len(even) // 2, -1).astype(np.float32)))
        return wave[0].cpu().numpy()

"""Speech from content, F0 and a voice: an acoustic model and WORLD, or a neural vocoder; in worker processes."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterator, Sequence
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch

from pseudovox.components import f0, world
from pseudovox.core import blocks, seeds
from pseudovox.core.errors import DataError
from pseudovox.data.archive import read_scp
from pseudovox.data.datadir import read_table
from pseudovox.data.datadir.tables import UTT2TARGET
from pseudovox.models import store
from pseudovox.models.vocoder import HOP, SAMPLE_RATE, Before, Conditions, phases
from pseudovox.stage.device import Fetched, is_cuda, to_device

if TYPE_CHECKING:
    from pseudovox.config import Synthesis
    from pseudovox.stage.parallel import Utterance


class Asked(NamedTuple):
    """What is to be spoken, prepared (see Synthesizer.asked).

    Attributes:
        conditions: arrays in the order of Conditions, without a batch's dimension.
        contour: F0 in Hz (frames,).
        noise: a vocoder's, float32 (HOP * frames,); None for WORLD.
        samples: length of the result.
        original: the recording (n,), or None.
    """

    conditions: tuple[np.ndarray, ...]
    contour: np.ndarray
    noise: np.ndarray | None
    samples: int
    original: np.ndarray | None


class Synthesizer:
    """A trained synthesizer of any kind.

    Args:
        model: its model dir.
        options: section `synthesis` of the configuration.
        seed: of the vocoders' noise.
        device: torch device; WORLD is always on the CPU.
        padded: have a vocoder speak several utterances together, padded, where it can (see `later`); not on a CPU
            unless asked for, where that takes longer.
    """

    def __init__(
        self, model: Path, options: Synthesis, seed: int = 0, device: str = "cpu", padded: bool | None = None
    ) -> None:
        self.kind = store.read_card(model, *store.synthesizers())["kind"]
        self.device = "cpu" if self.kind == "synthesizer" else device
        self.network, self.facts = store.load(model, *store.synthesizers(), device=self.device)
        self.options, self.seed = options, seed
        able = self.kind != "synthesizer" and getattr(self.network, "step", 1) == 1 and "lengths" in (
            inspect.signature(self.network.forward).parameters
        )  # fmt: skip
        self.padded = able and (is_cuda(self.device) if padded is None else padded)
        # One-hot models: the row of each training speaker.
        self.speakers = {speaker["id"]: row for row, speaker in enumerate(self.facts.get("speakers", ()))}
        self._mean_log_f0 = float(self.network.f0_statistics[0])

    def voice(self, speaker: str) -> np.ndarray:
        """The one-hot vector of a training speaker, float32 (speakers,); DataError if it is none."""
        if speaker not in self.speakers:
            raise DataError(f"{speaker}: none of the {len(self.speakers)} speakers that the synthesizer was trained on")
        vector = np.zeros(len(self.speakers), np.float32)
        vector[self.speakers[speaker]] = 1.0
        return vector

    @torch.no_grad()
    def __call__(
        self, content: np.ndarray, contour: np.ndarray, voice: np.ndarray, samples: int, identity: str = "",
        original: np.ndarray | None = None,
    ) -> np.ndarray:  # fmt: skip
        """Speech of exactly `samples` samples.

        Args:
            content: bottleneck (frames', dimension).
            contour: F0 in Hz (frames,), 0 where unvoiced.
            voice: x-vector, or one-hot vector, of the voice to speak with (dimension,).
            samples: length of the result.
            identity: the utterance's id, which with the seed decides a vocoder's noise.
            original: the recording (samples,), whose silence is kept (see `world.as_loud`); None: speech.

        Returns:
            float32 (samples,) in [-0.95, 0.95] at 16 kHz, at the configured level.

        Raises:
            DataError: the inputs are not of the model's dimensions, or their lengths do not belong together.
        """
        return self.later([self.asked(content, contour, voice, samples, identity, original)])[0]()

    def asked(
        self, content: np.ndarray, contour: np.ndarray, voice: np.ndarray, samples: int, identity: str = "",
        original: np.ndarray | None = None,
    ) -> Asked:  # fmt: skip
        """What `later` is told of an utterance: the processor's part before the network. Arguments as of a call."""
        expected = (self.facts["bottleneck"], self.facts["xvector"])
        if (content.shape[1], len(voice)) != expected:
            raise DataError(
                f"bottleneck and x-vector have dimensions {content.shape[1]} and {len(voice)}; "
                f"the synthesizer was trained with {expected[0]} and {expected[1]}"
            )
        frames = f0.frame_count(samples)
        short = abs(len(content) * self.facts["stride"] - frames)
        if short > 2 * self.facts["stride"] + 1 or abs(len(contour) - frames) > 1:
            raise DataError(
                f"{samples} samples make {frames} frames; there are {len(contour)} of F0 and {len(content)} of "
                f"bottleneck ({self.facts['stride']} frames each): they belong to other audio"
            )
        contour = f0.fit_length(contour, frames)
        log_f0, voiced = f0.interpolate(contour)
        if not voiced.any():
            log_f0 = np.full_like(log_f0, self._mean_log_f0)
        noise = None
        if self.kind != "synthesizer":
            draw = seeds.generator(self.seed, "vocoder-noise", identity)
            noise = draw.standard_normal((1, frames * HOP), dtype=np.float32)[0]
        conditions = (content, log_f0, voiced, voice, f0.mean_and_deviation(contour))
        return Asked(conditions, contour, noise, samples, original)

    @torch.no_grad()
    def later(self, utterances: Sequence[Asked]) -> list[Callable[[], np.ndarray]]:
        """As a call for each, but a GPU's work is not waited for before what is given here is called.

        Utterances that are not longer than a block are spoken together where `padded`; what is behind the end of one
        does not show but for rounding.
        """
        most = blocks.size(SAMPLE_RATE / HOP)
        whole = [number for number, asked in enumerate(utterances) if len(asked.contour) <= most]
        found: dict[int, Callable[[], np.ndarray]] = {}
        if self.padded and whole:
            fetched = Fetched([self._together([utterances[number] for number in whole])])
            for row, number in enumerate(whole):
                found[number] = partial(self._fetched, fetched, row, utterances[number])
        for number, asked in enumerate(utterances):
            if number not in found:
                alone = partial(self._alone, asked)
                # On a GPU at once: what it is asked for is asked by one thread.
                found[number] = partial(self._levelled, alone(), asked) if is_cuda(self.device) else partial(
                    self._spoken, asked
                )  # fmt: skip
        return [found[number] for number in range(len(utterances))]

    def _spoken(self, asked: Asked) -> np.ndarray:
        return self._levelled(self._alone(asked), asked)

    def _fetched(self, fetched: Fetched, row: int, asked: Asked) -> np.ndarray:
        return self._levelled(fetched.arrays()[0][row, : asked.samples].copy(), asked)

    def _levelled(self, speech: np.ndarray, asked: Asked) -> np.ndarray:
        if asked.original is None:
            return world.set_speech_level(speech, self.options.level)
        return world.as_loud(speech, asked.original, self.options.level)

    @torch.no_grad()
    def _alone(self, asked: Asked) -> np.ndarray:
        """Speech of any length, float32 (samples,), at no particular level."""
        inputs = [to_device(array, self.device).unsqueeze(0) for array in asked.conditions]
        if asked.noise is None:
            envelope, aperiodicity = self.network.predict(*inputs[:4], sharpen=self.options.sharpen)
            analysis = world.Analysis(envelope[0].numpy(), aperiodicity[0].numpy())
            return world.synthesize(analysis, asked.contour, asked.samples)
        noise = to_device(asked.noise, self.device).unsqueeze(0)
        return self._vocoded(Conditions(*inputs), noise)[: asked.samples]

    def _together(self, utterances: Sequence[Asked]) -> torch.Tensor:
        """A vocoder's waveforms, padded, (utterances, HOP * frames of the longest) on the device."""
        counts = [len(asked.contour) for asked in utterances]
        longest, stride = max(counts), self.facts["stride"]
        contents = [f0.fit_length(asked.conditions[0], -(-len(asked.contour) // stride)) for asked in utterances]
        padded = [
            np.stack([np.pad(one, ((0, -(-longest // stride) - len(one)), (0, 0))) for one in contents]),
            # F0 and voicing hold their last values, as they do in the last frame of an utterance.
            *(np.stack([f0.fit_length(asked.conditions[place], longest) for asked in utterances]) for place in (1, 2)),
            *(np.stack([asked.conditions[place] for asked in utterances]) for place in (3, 4)),
        ]
        noise = np.zeros((len(utterances), HOP * longest), np.float32)
        for row, asked in zip(noise, utterances, strict=True):
            assert asked.noise is not None
            row[: len(asked.noise)] = asked.noise
        arrays = [to_device(array, self.device) for array in (*padded, noise, np.array(counts))]
        *conditions, excitation, lengths = arrays
        found: torch.Tensor = self.network(Conditions(*conditions), excitation, lengths=lengths)
        return found

    def _vocoded(self, conditions: Conditions, noise: torch.Tensor) -> np.ndarray:
        """A vocoder's waveform, float32 (HOP * T,), block by block; `noise`: (1, HOP * T)."""
        stride, frames = self.facts["stride"], conditions.log_f0.shape[1]
        multiple = math.lcm(stride, getattr(self.network, "step", 1))
        cuts = blocks.cut(frames, blocks.size(SAMPLE_RATE / HOP), self.network.context, multiple)
        phase = phases(conditions.log_f0) if len(cuts) > 1 else None
        parts = []
        for block in cuts:
            part, before = conditions, None
            if phase is not None:
                part = conditions._replace(
                    content=conditions.content[:, block.first // stride : -(-block.last // stride)],
                    log_f0=conditions.log_f0[:, block.worked],
                    voiced=conditions.voiced[:, block.worked],
                )
                before = Before(phase[:, block.first : block.first + 1], noise[:, :HOP])
            wave = self.network(part, noise[:, block.first * HOP : block.last * HOP], before)[0].cpu().numpy()
            parts.append(wave[(block.start - block.first) * HOP : (block.end - block.first) * HOP])
            blocks.report(block.end / frames)
        return np.concatenate(parts)


class SynthesizeWorker:
    """Synthesizes data dirs in a worker process; gives the samples of each utterance.

    Args:
        model: model dir of the synthesizer.
        options: section `synthesis` of the configuration.
        bottleneck, contours, voices: roots that hold <set>/bottleneck.scp, <set>/f0.scp, and the voices (see
            `voice_table`), each by utterance.
        seed: of the vocoders' noise.
    """

    def __init__(
        self, model: Path, options: Synthesis, bottleneck: Path, contours: Path, voices: Path, seed: int, *,
        device: str = "cpu",
    ) -> None:  # fmt: skip
        self.synthesize = Synthesizer(model, options, seed, device)
        self.bottleneck, self.contours, self.voices = bottleneck, contours, voices
        self.open = cache(read_scp)
        self.targets = cache(read_table)

    def read(self, utterance: Utterance) -> Asked:
        """What is to be said, and how."""
        name = utterance.data.name
        content = self.open(self.bottleneck / name / "bottleneck.scp")[utterance.id]
        contour = self.open(self.contours / name / "f0.scp")[utterance.id]
        voice = self._voice(voice_table(self.voices / name, one_hot=bool(self.synthesize.speakers)), utterance.id)
        original = utterance.audio()
        return self.synthesize.asked(content, contour, voice, len(original), utterance.id, original)

    def process(self, batch: list[Utterance]) -> Iterator[tuple[Utterance, Callable[[], np.ndarray]]]:
        """The samples of each utterance."""
        yield from zip(batch, self.synthesize.later([utterance.given(self.read) for utterance in batch]), strict=True)

    def _voice(self, table: Path, utterance: str) -> np.ndarray:
        if table.name != UTT2TARGET:
            return np.asarray(self.open(table)[utterance])
        targets = self.targets(table)
        if utterance not in targets:
            raise DataError(f"{table}: no entry for {utterance}")
        return self.synthesize.voice(targets[utterance])


def voice_table(folder: Path, *, one_hot: bool = False) -> Path:
    """The table of the voices to speak with.

    utt2target for a synthesizer of one-hot voices; else the x-vectors of pseudo-speakers, or of the speakers
    themselves.

    Raises:
        DataError: a one-hot synthesizer, and the pseudo-speakers are none of its training speakers.
    """
    if one_hot:
        if not (folder / UTT2TARGET).exists():
            raise DataError(
                f"{folder}: has no {UTT2TARGET}: the synthesizer speaks with the voices of its training speakers alone",
                "--set pseudo.strategy=target in stage sample, or train the synthesizer with "
                "--set synthesizer.speaker_input=xvector",
            )
        return folder / UTT2TARGET
    pseudo = folder / "pseudo_xvector.scp"
    return pseudo if pseudo.exists() else folder / "xvector.scp"

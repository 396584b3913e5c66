"""Speaker anonymization from Python: arrays of samples in, arrays of samples out, as recipes/own does it with files.

    import pseudovox
    anonymizer = pseudovox.Anonymizer.load("pca_gmm")                 # with the models of pretrained/openspeech
    samples = anonymizer.anonymize(samples, 44100, speaker="anna")    # float32, as long as it was, at the same rate

Who speaks is replaced by who is drawn by (seed, speaker): the same id gets the same voice, in every call and process.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from pseudovox import config as configuration
from pseudovox.anonymize.xvector_family import SET
from pseudovox.config import kinds, packs
from pseudovox.core import checkout
from pseudovox.core.errors import DataError, UsageError
from pseudovox.data import audio
from pseudovox.data.datadir import DataDir, bytewise

SHORTEST = 0.1  # seconds: of less there is neither a voice nor a word to be had


class System(Protocol):
    """What system.anonymizer names: made of (config, models, level, device), it gives recordings other voices.

    `models` is the folder of the models, None where a system has none; `level` is "spk" or "utt".
    """

    def __call__(self, data: DataDir, recordings: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Anonymized samples (n,) of each recording (n,) at 16 kHz, float32; `data` is a data dir of one speaker."""


class Anonymizer:
    """A system with its models.

    Args:
        config: of the system, with its seed.
        models: folder of the models; None for a system without.
        device: torch device, "cpu" or "cuda[:n]".

    Attributes:
        config: as given.

    Raises:
        MissingModelError: a model that the system needs is not there; DataError: it is damaged.
        UsageError: a configuration that makes no sense.
    """

    def __init__(self, config: configuration.Config, models: Path | None, device: str = "cpu") -> None:
        self.config = config
        self._level = config.levels.of(SET)
        if self._level not in ("spk", "utt"):
            raise UsageError(f"levels: {self._level!r} for {SET}, expected spk or utt")
        self._system: System = kinds.imported(config.system.anonymizer)(config, models, self._level, device)

    @classmethod
    def load(
        cls, system: str = "pca_gmm", *, pack: str | Path = packs.DEFAULT, device: str = "auto", seed: int = 1,
        overrides: Iterable[str] = (),
    ) -> Anonymizer:  # fmt: skip
        """A system with its models.

        Args:
            system: pca_gmm, resynthesis (the control: the voice stays), mcadams (needs no models), or another of
                conf/system that the pack has the models of.
            pack: a pack's name (a folder of pretrained/), or the path of a folder of models, e.g. exp/mini/models.
            device: auto (CUDA where it works), cpu, cuda or cuda:<n>.
            seed: of the voices that are drawn. With it and a speaker's id anybody can draw the same voice, but not
                find the speaker's from it.
            overrides: `key=value`, as of --set: keys of conf/default.yaml.

        Raises:
            MissingModelError: no such pack, or a model is lacking; says which recipe makes it.
            UsageError: no such system, device or key.
        """
        from pseudovox.stage import resolve_device

        configuration.check_name(system, "system")
        needs_none = not _uses_models(system)
        folder = None if needs_none else packs.find(pack)
        config = packs.config_of(folder, system, overrides)
        config.seed = seed
        return cls(config, folder, resolve_device(device))

    def anonymize(
        self, samples: Any, sample_rate: int, speaker: str = "speaker", *, gender: str = "", recording: str = "",
        channel: int | str = 0,
    ) -> np.ndarray:  # fmt: skip
        """A recording in another voice. Each call stands alone: nothing is kept of it.

        Args:
            samples: (samples,) or (samples, channels), float in [-1, 1], int16 or int32.
            sample_rate: Hz.
            speaker: id; decides the new voice.
            gender: of the speaker, "f" or "m"; told from the voice if not given.
            recording: id, where a system draws for each recording (asrbn; a neural vocoder's noise); the speaker's
                if not given.
            channel: which one is taken of several, from 0, or "mean" (see audio.py).

        Returns:
            float32 (samples,), mono, at `sample_rate` Hz; silence where the recording is silence.

        Raises:
            DataError: samples that cannot be taken, or less than a tenth of a second of them; says what to do.
            UsageError: a gender that is none of these.
        """
        own = recording or speaker
        mono = audio.from_array(samples, sample_rate, channel=channel, name=own or "samples")
        made = self.anonymize_speaker({own: mono}, speaker, gender=gender)[own]
        return np.asarray(audio.as_original(made, int(sample_rate), len(samples)), dtype=np.float32)

    def anonymize_speaker(
        self, recordings: Mapping[str, np.ndarray], speaker: str, *, gender: str = ""
    ) -> dict[str, np.ndarray]:
        """All recordings of a speaker; the x-vector and the pitch that are replaced are those of all together.

        Args:
            recordings: float32 (samples,) at 16 kHz, by id.
            speaker, gender: as in `anonymize`.

        Returns:
            float32 (samples,) at 16 kHz, by id.

        Raises:
            as `anonymize`.
        """
        if gender not in ("", "f", "m"):
            raise UsageError(f"gender {gender!r}: expected f or m, or nothing to have it told from the voice")
        if not speaker or not all(recordings):
            raise UsageError("an empty id of a speaker or a recording; voices are drawn by them")
        for name, samples in recordings.items():
            check_length(samples, name)
        tables = {"wav.scp": dict.fromkeys(recordings, ""), "utt2spk": dict.fromkeys(recordings, speaker)}
        if gender:
            tables["spk2gender"] = {speaker: gender}
        ordered = {name: np.asarray(recordings[name], np.float32) for name in bytewise(recordings)}
        if not any(samples.any() for samples in ordered.values()):
            return {name: np.zeros(len(samples), np.float32) for name, samples in ordered.items()}
        with _one_thread():
            return self._system(DataDir(SET, tables), ordered)


def check_length(samples: np.ndarray, name: str) -> None:
    """DataError, which says `name`, unless (samples,) at 16 kHz are long enough to be anonymized."""
    if len(samples) < SHORTEST * audio.SAMPLE_RATE:
        raise DataError(
            f"{name}: {len(samples) / audio.SAMPLE_RATE:.3f} s of speech; {SHORTEST:g} s are needed",
            "join it with what comes before or after, or leave it out",
        )


def _uses_models(system: str) -> bool:
    path = checkout.ROOT / "conf/system" / f"{system}.yaml"
    return not path.is_file() or not configuration.merge([path]).system.step


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    """torch on one thread, as in the steps: sums in another order round differently."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)

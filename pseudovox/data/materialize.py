"""Audio of a data dir as plain files: what commands, segments or another speed make of it, made once."""

from __future__ import annotations

import logging
import shlex
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from pseudovox.core.errors import UsageError
from pseudovox.core.files import words
from pseudovox.data.audio import load, resample
from pseudovox.data.datadir.tables import number

if TYPE_CHECKING:
    import numpy as np

    from pseudovox.data.datadir import DataDir
    from pseudovox.data.utterance import Utterance

log = logging.getLogger("pseudovox")
SPEEDS = (0.2, 5.0)  # slowest and fastest


class RenderWorker:
    """Yields the audio of utterances, 16 kHz mono (see `pseudovox.stage.parallel.Worker`).

    Args:
        speed: above 1 is faster and higher, as when a record is played at another speed.
        source: the data dir to read from; None: the one that is rendered.
        prefix: what the ids of the one that is rendered have before those of `source`.
        device: not used.
    """

    def __init__(self, speed: float = 1.0, source: DataDir | None = None, prefix: str = "", *, device: str) -> None:
        self.speed, self.source, self.prefix = speed, source, prefix

    def process(self, batch: list[Utterance]) -> Iterable[tuple[Utterance, np.ndarray]]:
        for utterance in batch:
            samples = load(self.source or utterance.data, utterance.id.removeprefix(self.prefix))
            yield utterance, within_full_scale(at_speed(samples, self.speed), utterance.id)


def within_full_scale(samples: np.ndarray, name: str) -> np.ndarray:
    """Samples (n,) scaled as a whole so that none lies beyond +-1, which 16-bit files cannot hold; says so."""
    peak = max(float(samples.max(initial=0)), -float(samples.min(initial=0)))
    if peak <= 1:
        return samples
    log.warning("%s: reaches %.4g times full scale; the utterance is scaled down to it as a whole", name, peak)
    return samples / peak


def at_speed(samples: np.ndarray, speed: float) -> np.ndarray:
    """float32 (samples,) played `speed` times as fast: length / speed, pitch * speed (to 1/1000 of the speed)."""
    return samples if speed == 1 else resample(samples, round(speed * 1000), 1000)


def speed_of(factor: str) -> float:
    """The factor that a command line names; UsageError unless it is a number between 0.2 and 5, to 1/1000."""
    speed = number(factor)
    if speed is None or not SPEEDS[0] <= speed <= SPEEDS[1] or round(speed * 1000) / 1000 != speed:
        raise UsageError(
            f"speed {factor!r}: expected a number from {SPEEDS[0]} to {SPEEDS[1]} of three decimals, e.g. 0.9"
        )
    return speed


def sped_up(data: DataDir, factor: str, path: Path, *, speaker_prefix: bool = True) -> DataDir:
    """The tables of a data dir at another speed: ids with Kaldi's prefix `sp<speed>-`, durations divided by it.

    wav.scp and segments are still those of `data`, under the new ids; features are left out, utt2uniq says of which
    utterance each is a copy.
    """
    speed, prefix = speed_of(factor), f"sp{factor}-"
    original = data.tables.get("utt2uniq") or {utterance: utterance for utterance in data.utterances}
    made = data.renamed(
        lambda utterance: prefix + utterance,
        lambda speaker: prefix + speaker if speaker_prefix else speaker,
        path,
        lambda recording: prefix + recording,
    )
    made.tables["utt2uniq"] = {prefix + utterance: value for utterance, value in original.items()}
    for name in ("feats.scp", "cmvn.scp", "vad.scp", "utt2num_frames"):
        made.tables.pop(name, None)
    for name in ("utt2dur", "reco2dur"):
        if name in made.tables:
            made.tables[name] = {key: f"{float(value) / speed:.4f}" for key, value in made.tables[name].items()}
    if "phones.ctm" in made.lists:
        made.lists["phones.ctm"] = [_phone_at_speed(line, speed) for line in made.lists["phones.ctm"]]
    return made


def _phone_at_speed(line: str, speed: float) -> str:
    utterance, channel, start, duration, phone = words(line)
    return f"{utterance} {channel} {float(start) / speed:.4f} {float(duration) / speed:.4f} {phone}"


def speed_pipes(made: DataDir, factor: str) -> None:
    """Give a dir of `sped_up` commands for sox in its wav.scp, as Kaldi's script writes them, and segments to fit."""
    speed = speed_of(factor)
    entries = made.tables["wav.scp"]
    for key, entry in entries.items():
        command = entry.rstrip(" |") + " | sox -t wav -" if entry.endswith("|") else f"sox {_argument(entry)}"
        entries[key] = f"{command} -t wav - speed {factor} |"
    for key, value in made.tables.get("segments", {}).items():
        recording, start, end = words(value)
        made.tables["segments"][key] = f"{recording} {float(start) / speed:.4f} {float(end) / speed:.4f}"
    made.allow_pipes = True


def _argument(path: str) -> str:
    # sox takes a name that begins with - for an option.
    return shlex.quote(f"./{path}" if path.startswith("-") else path)

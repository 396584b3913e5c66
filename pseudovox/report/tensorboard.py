"""Results for TensorBoard: a run a system, a scalar a record, and the speech that the report page plays."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pseudovox.data.datadir import write_atomic
from pseudovox.records import Record

if TYPE_CHECKING:
    from pseudovox.report.page.listening import Sample

# TensorBoard reads files whose names hold `tfevents`, and looks at the version of the first event.
FILE = "events.out.tfevents.results"
SPEECH = "events.out.tfevents.speech"
VERSION = "brain.Event:2"


def write_scalars(folder: Path, records: Sequence[Record]) -> None:
    """Write `<folder>/<system>/` for every system; each defined figure is a scalar at step 0.

    The files have fixed names and what is in them comes from the records alone, so writing again replaces them.
    """
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary

    by_system: dict[str, list[Record]] = {}
    for record in records:
        if record.value is not None:
            by_system.setdefault(record.system, []).append(record)
    for system, own in by_system.items():
        times = [_seconds(record.when) for record in own]
        events = [
            Event(wall_time=time, summary=Summary(value=[Summary.Value(tag=tag(record), simple_value=record.value)]))
            for record, time in zip(own, times, strict=True)
        ]
        _write(folder / system / FILE, [Event(wall_time=min(times), file_version=VERSION), *events])


def write_speech(folder: Path, samples: Sequence[Sample], page: Path) -> None:
    """Write the speech of the page into `<folder>/<system>/`, as the same words by the same tag in every run.

    Args:
        folder: as of `write_scalars`.
        samples: what the page plays; page: its folder.
    """
    import soundfile
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary

    by_system: dict[str, list[Any]] = {}
    for sample in samples:
        for version in sample.versions:
            pcm, rate = soundfile.read(page / version.sound, dtype="int16")
            file = io.BytesIO()
            soundfile.write(file, pcm, rate, format="WAV", subtype="PCM_16")  # what TensorBoard takes all audio for
            audio = Summary.Audio(
                sample_rate=rate, num_channels=1, length_frames=len(pcm), content_type="audio/wav",
                encoded_audio_string=file.getvalue(),
            )  # fmt: skip
            value = Summary.Value(tag=f"speech/{sample.utterance}", audio=audio)
            by_system.setdefault(version.system, []).append(Event(summary=Summary(value=[value])))
    for system, events in by_system.items():
        _write(folder / system / SPEECH, [Event(file_version=VERSION), *events])


def _write(path: Path, events: Iterable[Any]) -> None:
    from tensorboard.summary.writer.record_writer import RecordWriter

    buffer = io.BytesIO()
    writer = RecordWriter(buffer)
    for event in events:
        writer.write(event.SerializeToString())
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(path, buffer.getvalue())


def tag(record: Record) -> str:
    """What a scalar is called: the metric, then what else tells the figure; without the system, which is the run."""
    words = [record.set, record.attacker, record.training, record.group, record.level]
    return "/".join([record.metric, " ".join(word for word in words if word)])


def _seconds(when: str) -> float:
    try:
        return datetime.strptime(when, "%Y-%m-%dT%H:%M:%S%z").timestamp()
    except ValueError:
        return 0.0

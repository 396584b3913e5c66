"""Results as TensorBoard scalars: a run a system, a scalar a record."""

from __future__ import annotations

import io
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from pseudovox.datadir import write_atomic
from pseudovox.report.results import Record

# TensorBoard reads files whose names hold `tfevents`, and looks at the version of the first event.
FILE = "events.out.tfevents.results"
VERSION = "brain.Event:2"


def write_scalars(folder: Path, records: Sequence[Record]) -> None:
    """Write `<folder>/<system>/` for every system; each defined figure is a scalar at step 0.

    The files have fixed names and what is in them comes from the records alone, so writing again replaces them.
    """
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.summary.writer.record_writer import RecordWriter

    by_system: dict[str, list[Record]] = {}
    for record in records:
        if record.value is not None:
            by_system.setdefault(record.system, []).append(record)
    for system, own in by_system.items():
        buffer = io.BytesIO()
        writer = RecordWriter(buffer)
        times = [_seconds(record.when) for record in own]
        writer.write(Event(wall_time=min(times), file_version=VERSION).SerializeToString())
        for record, time in zip(own, times, strict=True):
            scalar = Summary(value=[Summary.Value(tag=tag(record), simple_value=record.value)])
            writer.write(Event(wall_time=time, step=0, summary=scalar).SerializeToString())
        (folder / system).mkdir(parents=True, exist_ok=True)
        write_atomic(folder / system / FILE, buffer.getvalue())


def tag(record: Record) -> str:
    """What a scalar is called: the metric, then what else tells the figure; without the system, which is the run."""
    words = [record.set, record.attacker, record.training, record.group, record.level]
    return "/".join([record.metric, " ".join(word for word in words if word)])


def _seconds(when: str) -> float:
    try:
        return datetime.strptime(when, "%Y-%m-%dT%H:%M:%S%z").timestamp()
    except ValueError:
        return 0.0

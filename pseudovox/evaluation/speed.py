"""How fast, and in how much memory, a system anonymizes speech of a given length.

Every length is measured on speech of exactly that length: a real utterance, cut or repeated. (A published toolkit's
table of this kind times one and the same clip in every row.) Models are loaded before, files are neither read nor
written, and the first runs, which fill caches and compile kernels, are left out.
"""

from __future__ import annotations

import contextlib
import ctypes
import resource
import runpy
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from pseudovox.components import f0
from pseudovox.core import checkout, machine
from pseudovox.core.errors import DataError
from pseudovox.data.utterance import Utterance
from pseudovox.records import Record
from pseudovox.stage import parallel
from pseudovox.stage.batching import out_of_memory

if TYPE_CHECKING:
    from pseudovox.config import Config, Speed
    from pseudovox.data.datadir import DataDir

SAMPLE_RATE = 16000
PARTS = ("embed", "f0", "content", "synthesize")
MIB = 2**20
GAIN = 0.95  # a larger batch goes on being tried as long as it needs less than this share of the time


def exactly(samples: np.ndarray, seconds: float) -> np.ndarray:
    """A signal of exactly so many seconds: cut at its end, or repeated; float32."""
    wanted = round(seconds * SAMPLE_RATE)
    return np.tile(samples, -(-wanted // len(samples)))[:wanted].astype(np.float32)


class System(Protocol):
    """What is measured."""

    def run(self, batch: Sequence[np.ndarray]) -> dict[str, float]:
        """Anonymize a batch of signals (samples,) at 16 kHz; the seconds that each of its parts took."""


class XvectorSystem:
    """The parts of an x-vector system in one process, as its steps' workers use them.

    The voice to speak with is the speech's own x-vector (or a training speaker's, of a one-hot synthesizer): drawing
    another one takes no time beside the rest.

    Args:
        xvector, bottleneck, synthesizer: model dirs.
        config: sections `f0` and `synthesis`.
        device: of the networks that can use it (embed, content, vocoders). F0 and WORLD run on the CPU, as in their
            steps.
    """

    def __init__(self, xvector: Path, bottleneck: Path, synthesizer: Path, config: Config, device: str) -> None:
        from pseudovox.components import content
        from pseudovox.components.embeddings import Embedder
        from pseudovox.components.synthesis import Synthesizer

        self.embed, self.extract = Embedder(xvector, device), content.load(bottleneck, device)
        self.synthesize = Synthesizer(synthesizer, config.synthesis, config.seed, device)
        self.options, self.device = config.f0, device
        known = self.synthesize.speakers
        self.voice = self.synthesize.voice(next(iter(known))) if known else None

    def run(self, batch: Sequence[np.ndarray]) -> dict[str, float]:
        """Anonymize a batch of signals (samples,); the seconds that each of PARTS took."""
        seconds: dict[str, float] = {}

        @contextlib.contextmanager
        def timed(part: str) -> Iterator[None]:
            started = time.perf_counter()
            yield
            wait(self.device)
            seconds[part] = time.perf_counter() - started

        with timed("embed"):
            voices = self.embed(batch) if self.voice is None else [self.voice] * len(batch)
        with timed("f0"):
            contours = [f0.extract(samples, self.options) for samples in batch]
            own = f0.statistics(contours)
            moved = [f0.shift(contour, own, own, self.options) for contour in contours]
        from pseudovox.components.content import later as content_of

        with timed("content"):
            contents = [made() for made in content_of(self.extract, batch)]
        with timed("synthesize"):
            for made in self.synthesize.later(
                [
                    self.synthesize.asked(content, contour, voice, len(samples))
                    for samples, content, contour, voice in zip(batch, contents, moved, voices, strict=True)
                ]
            ):
                made()
        return seconds


class Held(Utterance):
    """An utterance of a data dir with other samples, float32 (samples,) at 16 kHz, which are in memory."""

    samples: np.ndarray

    @classmethod
    def of(cls, data: DataDir, name: str, samples: np.ndarray) -> Held:
        made = cls(data, name)
        object.__setattr__(made, "samples", samples)
        return made

    @property
    def duration(self) -> float:
        return len(self.samples) / SAMPLE_RATE

    def audio(self) -> np.ndarray:
        return self.samples


class StepSystem:
    """A system that is a script, or several one after the other: their own workers, whose work is timed.

    Args:
        commands: the scripts, each with its arguments, as run.sh calls them. (They do not do their work: see
            stage.parallel.caught.)
        shared: the options that all steps share.
        device: of the workers.

    Raises:
        DataError: a script does not work utterance by utterance, or refuses its arguments.
    """

    def __init__(self, commands: Sequence[Sequence[str]], shared: Sequence[str], device: str) -> None:
        self.device = device
        self.parts: list[tuple[str, parallel.Worker, DataDir]] = []
        for script, *arguments in commands:
            with parallel.caught() as found:
                code = runpy.run_path(str(checkout.ROOT / script))["main"]([*shared, *arguments])
            if code or not found:
                raise DataError(
                    f"{script}: its speed cannot be measured: "
                    + (f"it ends with code {code}" if code else "it does not go over utterances (stage.map_utterances)")
                )
            make, data = found[0]
            self.parts.append((Path(script).stem, make()(device=device), data[0]))

    def run(self, batch: Sequence[np.ndarray]) -> dict[str, float]:
        """Anonymize a batch of signals (samples,) as the first utterance; the seconds that each script's work took."""
        seconds: dict[str, float] = {}
        for name, worker, data in self.parts:
            held = [Held.of(data, data.utterances[0], samples) for samples in batch]
            started = time.perf_counter()
            for _, made in list(worker.process(list(held))):
                if callable(made):
                    made()
            wait(self.device)
            seconds[name] = time.perf_counter() - started
        return seconds


def wait(device: str) -> None:
    """Until a GPU has done what it was asked to."""
    if device.startswith("cuda"):
        import torch

        torch.cuda.synchronize()


@dataclass(frozen=True)
class Measurement:
    """One row: the median of the repetitions.

    Attributes:
        seconds: of each signal.
        batch: signals at once.
        factor: seconds of work per second of speech.
        low, high: of the fastest and the slowest repetition.
        parts: the same of each part.
        peak_mib: peak memory while it ran, of the process, or of the tensors on a GPU.
        device: it ran on.
    """

    seconds: float
    batch: int
    factor: float
    low: float
    high: float
    parts: dict[str, float]
    peak_mib: float
    device: str = "cpu"


def measure(
    run: Callable[[Sequence[np.ndarray]], dict[str, float]], samples: np.ndarray, seconds: float, batch: int,
    options: Speed, device: str,
) -> Measurement:  # fmt: skip
    """Time a batch of equal signals of `seconds`, made from `samples`."""
    signals = [exactly(samples, seconds) for _ in range(batch)]
    with _peak_memory(device) as peak:
        for _ in range(max(1, options.warm_ups)):
            run(signals)
        taken = [run(signals) for _ in range(options.repetitions)]
    speech = seconds * batch
    totals = sorted(sum(parts.values()) / speech for parts in taken)
    medians = {part: statistics.median(row[part] for row in taken) / speech for part in taken[0]}
    return Measurement(seconds, batch, statistics.median(totals), totals[0], totals[-1], medians, peak[0], device)


def measure_all(
    run: Callable[[Sequence[np.ndarray]], dict[str, float]], samples: np.ndarray, options: Speed, device: str
) -> list[Measurement]:
    """Every length at batch 1 and, if a larger one is faster, at the best batch.

    The batch is doubled as long as that saves 5 % of the time, up to `options.largest_batch` or the end of the
    memory.
    """
    rows = []
    for seconds in options.durations:
        rows.append(measure(run, samples, seconds, 1, options, device))
        best = rows[-1]
        while 2 * best.batch <= options.largest_batch:
            try:
                found = measure(run, samples, seconds, 2 * best.batch, options, device)
            except (MemoryError, RuntimeError) as error:
                if not out_of_memory(error):
                    raise
                break
            if found.factor > GAIN * best.factor:
                break
            best = found
        if best.batch > 1:
            rows.append(best)
    return rows


def records(
    rows: Sequence[Measurement], machines: Mapping[str, dict[str, Any]], system: str, device: str, repetitions: int
) -> list[Record]:
    """The figures of a system.

    Args:
        rows: as measured; with a GPU, those of its machine's CPU as well.
        machines: `machine_facts` by device.
        system: its name.
        device: whose figures have the plain names.
        repetitions: that each row is the median of.
    """
    made = []
    for row in rows:
        facts = machines[row.device]
        where = [facts["processor"], f"{facts['threads']} thread(s)", *([facts["gpu"]] if "gpu" in facts else [])]
        details = {name: value for name, value in asdict(row).items() if name not in ("factor", "low", "high")}
        batch = "batch_1" if row.batch == 1 else "best_batch"
        made.append(
            Record(
                f"real_time_factor_{row.seconds:g}s_{batch}{'' if row.device == device else '_cpu'}", row.factor,
                system=system, ci_low=row.low, ci_high=row.high, n=repetitions, n_of="repetitions",
                details={**details, "machine": ", ".join(where)},
            )
        )  # fmt: skip
    return made


@contextlib.contextmanager
def _peak_memory(device: str) -> Iterator[list[float]]:
    """Gives a list that holds, afterwards, the peak in MiB."""
    found = [float("nan")]
    if device.startswith("cuda"):
        import torch

        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
        yield found
        found[0] = torch.cuda.max_memory_allocated() / MIB
        return
    with contextlib.suppress(OSError, AttributeError):  # glibc gives back what it keeps for later (path.sh)
        ctypes.CDLL(None).malloc_trim(0)
    with contextlib.suppress(OSError):  # Linux forgets the peak; elsewhere it is that of the process so far
        Path("/proc/self/clear_refs").write_text("5")
    yield found
    found[0] = _peak_of_process()


def _peak_of_process() -> float:
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) / 1024
    except (OSError, StopIteration, ValueError):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def machine_facts(device: str, threads: int) -> dict[str, Any]:
    """What the figures belong to: processor, memory, GPU, versions."""
    import torch

    facts: dict[str, Any] = {
        "processor": machine.processor(),
        "threads": threads,
        "memory": machine.memory(),
        "torch": torch.__version__,
        "pyworld": machine.installed("pyworld-prebuilt"),
        "device": device,
    }
    if device.startswith("cuda"):
        facts["gpu"] = torch.cuda.get_device_name(device)
    return facts

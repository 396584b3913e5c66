"""Steps that turn utterances into arrays or audio: fan-out, resume by piece, failures listed.

The utterances of all data dirs are cut into pieces (by the data alone, so the pieces do not depend on the number of
jobs). A piece is the unit of work, of output (`<name>.<k>.ark` and `.scp`, as Kaldi leaves them, or audio files)
and of resuming: what is there is not made again.

In a job, threads read what the next utterances need while a worker is at work, and another one writes what it made
(stage.pipeline). On a GPU utterances come in batches by duration, and what the processor does last with each is done
beside, too.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from pseudovox.core import blocks, machine
from pseudovox.core.errors import DataError, PseudovoxError, SomeUtterancesFailed, UsageError
from pseudovox.data.datadir import DataDir, bytewise, read_table, scp_path, write_atomic
from pseudovox.data.utterance import Utterance
from pseudovox.stage import jobs
from pseudovox.stage.batching import Memory, by_duration, out_of_memory
from pseudovox.stage.device import is_cuda, job_devices, resolve_device
from pseudovox.stage.outputs import output
from pseudovox.stage.pipeline import BATCHES, MOST_READERS, ON_CPU, Ahead, Beside, Readers

if TYPE_CHECKING:
    import argparse

    import numpy as np

log = logging.getLogger("pseudovox")
PIECE_UTTERANCES = 100
# Where utterances share a batch. On a CPU they come one by one: padding costs more than it saves there, and the result
# cannot depend on the batch.
BATCHED = ("cuda",)
Made = Callable[[], Callable[..., "Worker"]]  # gives what makes a Worker in its process
_caught: list[tuple[Made, list[DataDir]]] | None = None
SAY_SECONDS = 60.0  # a line on the progress so often, where there is no bar to see


class Worker(Protocol):
    """What does the work, made in the worker process by `worker(device=...)`.

    It may have a method `read(utterance)`: what it needs of an utterance, gathered by the processor alone. Threads call
    it ahead of time, and `process` gets the result by `utterance.given(self.read)`.
    """

    def process(self, batch: list[Utterance]) -> Iterable[tuple[Utterance, Any]]:
        """Yield (utterance, {name: array}) or (utterance, samples) for each of the batch.

        In the place of either it may give a function without arguments that makes it: on a GPU it is called in another
        thread, while the next batch is at work.
        """


@dataclass(frozen=True)
class Piece:
    """A run of utterances of one data dir, and where their output goes."""

    data: DataDir
    utterances: tuple[str, ...]
    number: int
    folder: Path  # aside
    final: Path
    arrays: tuple[str, ...]  # names of the arrays; empty for audio


@dataclass(frozen=True)
class _Job:
    pieces: list[Piece]
    worker: Callable[..., Worker]
    device: str  # as asked for: it is resolved where the job runs
    batch_seconds: float
    progress: Path


@contextlib.contextmanager
def caught() -> Iterator[list[tuple[Made, list[DataDir]]]]:
    """map_utterances does nothing here but to leave its worker and data dirs, for who measures what workers do."""
    global _caught
    before, _caught = _caught, []
    try:
        yield _caught
    finally:
        _caught = before


def map_utterances(
    args: argparse.Namespace,
    data_dirs: Sequence[DataDir],
    out_dir: Path,
    *,
    settings: Any,
    worker: Callable[[], Callable[..., Worker]],
    inputs: Callable[[DataDir], Iterable[Path | str | DataDir]] = lambda data: (),
    arrays: tuple[str, ...] = (),
    audio: bool = False,
    out_names: Callable[[str], str] = lambda name: name,
    finish: Callable[[DataDir, Any], None] | None = None,
    seeded: bool = False,
) -> None:
    """Run a worker over every utterance of the data dirs; one output dir each, `<out_dir>/<name of the data dir>`.

    Args:
        args: the step's arguments (`nj`, `device`, `batch_seconds`).
        data_dirs: what to go over, as stage.load_data gives them.
        out_dir: the parent of the outputs.
        settings: the configuration that decides the result.
        worker: called once, if there is work, so that a step that is done need not import what works; gives a
            picklable function, which makes the Worker in its process: `worker()(device=...)`. It is called before
            anything is written, so it is the place to check what the step was given.
        inputs: further files and folders that decide the result, for a data dir.
        arrays: names of the arrays that the worker yields, written as `<name>.scp` and arks; or
        audio: it yields samples, and the outputs are data dirs with wav/<utterance>.wav and all tables carried over;
            with `args.suffix`, the system's name, they say that it made them (DataDir.origin).
        out_names: the name of the output of a data dir.
        finish: called with (data dir, stage.Output) when the arrays or audio are there, for further files.
        seeded: the worker draws random numbers by the seed.

    On this machine there is a job for each GPU, or --nj of them on the processor: a step whose worker knows no GPU sets
    `args.device` to "cpu".

    The outputs share the wall time by their seconds of speech (see stage.Output).

    Raises:
        UsageError: two data dirs of the same name, whose outputs would be one.
        SomeUtterancesFailed: after everything else was done; the utterances are in <output>.partial/failed.tsv.
    """
    if _caught is not None:
        _caught.append((worker, list(data_dirs)))
        return
    places: dict[str, Path] = {}
    for data in data_dirs:
        if places.setdefault(data.name, data.path) != data.path:
            raise UsageError(
                f"{places[data.name]} and {data.path}: the outputs of data dirs of the same name would be one",
                "run the step once for each, with an output dir of its own",
            )
    make = functools.cache(worker)
    with contextlib.ExitStack() as stack:
        opened: list[tuple[DataDir, Any]] = []
        for data in {data.name: data for data in data_dirs}.values():
            final = Path(out_dir) / out_names(data.name)
            context = output(
                args, final, settings=settings, inputs=[data, *inputs(data)], seeded=seeded,
                repair=lambda folder, data=data: _is_whole(folder, data, arrays), prepare=make,  # type: ignore[misc]
            )  # fmt: skip
            out = stack.enter_context(context)
            if out is not None:
                opened.append((data, out))
        if not opened:
            return
        pieces = [piece for data, out in opened for piece in _pieces(data, out, arrays)]
        waiting = [piece for piece in pieces if not _is_made(piece)]
        failed = _run(args, waiting, make, [out.path for _, out in opened])
        for data, out in opened:
            out.audio_seconds = sum(data.duration(utterance) for utterance in data.utterances)
        total = sum(out.audio_seconds for _, out in opened)
        for data, out in opened:
            out.share = out.audio_seconds / total
            out.counts["utterances"] = len(data.utterances)
            lost = {utterance: reason for name, utterance, reason in failed if name == data.name}
            if lost:
                table = "".join(f"{utterance}\t{lost[utterance]}\n" for utterance in bytewise(lost))
                write_atomic(out.path / "failed.tsv", table)
        if failed:
            name, utterance, reason = failed[0]
            where = next(out.path for data, out in opened if data.name == name)
            raise SomeUtterancesFailed(
                f"{len(failed)} utterances failed, e.g. {utterance}: {reason}\n  all are in {where}/failed.tsv",
                "correct or remove them, then run the same command: what is done is kept",
            )
        for data, out in opened:
            (out.path / "failed.tsv").unlink(missing_ok=True)
            if audio:
                _write_data_dir(data, out, getattr(args, "suffix", ""))
            else:
                _join_scps(data, out, arrays)
            if finish:
                finish(data, out)


def _run(
    args: argparse.Namespace, waiting: list[Piece], worker: Callable[[], Callable[..., Worker]], folders: list[Path]
) -> list[tuple[str, str, str]]:
    from tqdm import tqdm

    if not waiting:
        return []
    nj = min(args.nj, len(waiting))
    devices = job_devices(args.device, nj) if jobs.place() == "local" else [args.device] * nj
    nj = len(devices)
    progress = folders[0] / "log" / "progress"
    shutil.rmtree(progress, ignore_errors=True)  # of a run that was killed, perhaps with more jobs
    progress.mkdir(parents=True)
    # Longest pieces first, dealt out in turn, so that the jobs end together.
    weights = {id(piece): sum(piece.data.duration(utterance) for utterance in piece.utterances) for piece in waiting}
    order = sorted(waiting, key=lambda piece: (-weights[id(piece)], piece.data.name, piece.number))
    made = worker()
    payloads = [
        _Job(order[job::nj], made, devices[job], args.batch_seconds, progress / f"{job}.txt") for job in range(nj)
    ]
    total = sum(weights.values())
    started = said = time.monotonic()
    with tqdm(
        total=round(total), unit="s", desc=args.step, dynamic_ncols=True, disable=None,
        bar_format="{desc}: {percentage:3.0f}%|{bar}| {n:.0f}/{total:.0f} s of speech [{elapsed}<{remaining}{postfix}]",
    ) as bar:  # fmt: skip

        def poll() -> None:
            nonlocal said
            done = sum(_read_progress(job.progress) for job in payloads)
            factor = (time.monotonic() - started) / done if done else 0.0
            bar.n = round(done)
            bar.set_postfix_str(f"real-time factor {factor:.4f}", refresh=True)
            if time.monotonic() - said > SAY_SECONDS:
                said = time.monotonic()
                line = "%s: %.0f of %.0f s of speech, real-time factor %.4f"
                log.log(logging.INFO if bar.disable else logging.DEBUG, line, args.step, done, total, factor)

        where = {"local": ", ".join(dict.fromkeys(devices)), "slurm": "Slurm"}[jobs.place()]
        log.info("%s: %.0f s of speech in %d pieces, %d jobs on %s", args.step, total, len(order), nj, where)
        results = jobs.run(_run_job, payloads, [folder / "log" for folder in folders], name=args.step, poll=poll)
        poll()
    shutil.rmtree(progress, ignore_errors=True)
    args.device = results[0].device if nj == 1 else results[0].device.partition(":")[0]
    return [failure for result in results for failure in result.failed]


@dataclass(frozen=True)
class _Result:
    failed: list[tuple[str, str, str]]  # (data dir, utterance, reason)
    device: str


def _run_job(job: _Job) -> _Result:
    """In the worker process, or in this one if it is the only job: see `_make_pieces`."""
    with one_thread():  # sums in another order round differently: one thread, whatever --nj is
        return _make_pieces(job)


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Torch works with one thread, also where it is imported only now; it is not imported for that, which takes 3 s."""
    before = _torch_threads()
    asked = {variable: os.environ.get(variable) for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS")}
    if before is None:
        os.environ.update(dict.fromkeys(asked, "1"))
    else:
        sys.modules["torch"].set_num_threads(1)
    try:
        yield
    finally:
        for variable, value in asked.items():
            if value is not None:
                os.environ[variable] = value
            elif before is None:
                os.environ.pop(variable, None)
        if _torch_threads() is not None:
            threads = asked["OMP_NUM_THREADS"] or ""
            wanted = int(threads) if threads.isdecimal() else machine.cores()
            sys.modules["torch"].set_num_threads(before or max(1, wanted))


def _torch_threads() -> int | None:
    """How many threads torch works with; None if it was not imported."""
    torch = sys.modules.get("torch")
    return None if torch is None else int(torch.get_num_threads())


def _make_pieces(job: _Job) -> _Result:
    """Make every piece of the job that an earlier life of it has not made."""
    device = resolve_device(job.device)
    cuda = is_cuda(device)
    if ":" in device and cuda:
        import torch

        torch.cuda.set_device(device)
    worker = job.worker(device=device)
    memory = Memory(job.batch_seconds if device.startswith(BATCHED) else 0.0)
    writing = _Writing(job.progress)
    threads = min(MOST_READERS, machine.cores()) if cuda else 1
    ahead = BATCHES * max(job.batch_seconds, ON_CPU) if cuda else ON_CPU
    read = getattr(worker, "read", None)
    with contextlib.ExitStack() as stack:
        finishing = stack.enter_context(ThreadPoolExecutor(threads, "finisher")) if cuda else None
        beside = stack.enter_context(Beside(ahead))
        readers = stack.enter_context(Readers(_to_make(job, writing), read, threads=threads, seconds=ahead))
        for piece, utterances in readers:
            for utterance, found in _results(worker, piece, utterances, device, memory, writing, readers):
                result: Any = found
                if callable(found) and finishing is not None:
                    result = finishing.submit(found)
                beside.call(functools.partial(writing.write, piece, utterance, result), utterance.duration)
            beside.call(functools.partial(writing.end, piece))
    return _Result(writing.failed, device)


def _to_make(job: _Job, writing: _Writing) -> Iterator[tuple[Piece, list[Ahead]]]:
    """The job's pieces that are not there, with the utterances that are not, longest first as `by_duration` does."""
    for piece in job.pieces:
        if _is_made(piece):
            writing.done += sum(piece.data.duration(utterance) for utterance in piece.utterances)
            continue
        utterances = [Ahead.of(Utterance(piece.data, utterance)) for utterance in piece.utterances]
        if not piece.arrays:
            (piece.folder / "wav").mkdir(exist_ok=True)
            utterances = [utt for utt in utterances if not (piece.folder / "wav" / f"{utt.id}.wav").exists()]
        yield piece, sorted(utterances, key=lambda utterance: -utterance.duration)


class _Writing:
    """What is written of a job's results, and what is to be told of it."""

    def __init__(self, progress: Path) -> None:
        self.progress = progress
        self.done = 0.0  # seconds of speech
        self.failed: list[tuple[str, str, str]] = []
        self.collected: dict[str, dict[str, np.ndarray]] = {}  # arrays of the present piece, by name and utterance

    def tell(self, batch: Sequence[Utterance], share: float) -> None:
        """How much of a batch is done."""
        if len(batch) == 1:  # of several, it is not known which one a share is of
            with contextlib.suppress(OSError):  # a full disk is told of where output is written
                self.progress.write_text(f"{self.done + share * batch[0].duration:.3f}")

    def fail(self, piece: Piece, utterance: Utterance, error: BaseException) -> None:
        """An utterance is lost."""
        reason = str(error) if isinstance(error, PseudovoxError) else f"{type(error).__name__}: {error}"
        if not isinstance(error, PseudovoxError):
            log.warning("%s failed", utterance.id, exc_info=error)
        self.failed.append((piece.data.name, utterance.id, " ".join(reason.split())))

    def write(self, piece: Piece, utterance: Utterance, result: Any) -> None:
        """An utterance's result: at once, where it is audio."""
        if isinstance(result, Future):
            try:
                result = result.result()
            except Exception as error:
                self.fail(piece, utterance, error)
                return
        if piece.arrays:
            for name in piece.arrays:
                self.collected.setdefault(name, {})[utterance.id] = result[name]
        else:
            from pseudovox.data.audio import write_wav

            write_wav(piece.folder / "wav" / f"{utterance.id}.wav", result)
        self.done += utterance.duration
        self.progress.write_text(f"{self.done:.3f}")

    def end(self, piece: Piece) -> None:
        """All results of a piece are there, or it has failures and is left open."""
        if all(len(self.collected.get(name, {})) == len(piece.utterances) for name in piece.arrays):
            _write_arrays(piece, self.collected)
        self.collected = {}


def _results(
    worker: Worker, piece: Piece, utterances: Sequence[Ahead], device: str, memory: Memory, writing: _Writing,
    readers: Readers[Piece],
) -> Iterator[tuple[Utterance, Any]]:  # fmt: skip
    """(utterance, what the worker makes of it); a batch that fails is tried in halves, and if memory was what it
    lacked, later batches, of other pieces too, are no larger than what it held."""
    later = by_duration(utterances, [utterance.duration for utterance in utterances], memory.bound)
    halves: list[list[Ahead]] = []
    while batch := halves.pop(0) if halves else next(later, []):
        readers.fill()
        try:
            with blocks.watched(functools.partial(writing.tell, batch)):
                given: list[Utterance] = list(batch)
                found = list(worker.process(given))
                if not is_cuda(device):
                    found = [(utterance, made() if callable(made) else made) for utterance, made in found]
        except Exception as error:  # one bad utterance must not take the others with it
            if len(batch) > 1:
                half = len(batch) // 2
                halves[:0] = [batch[:half], batch[half:]]
                log.warning("batch of %d failed (%s); trying halves", len(batch), str(error).split("\n")[0])
                if out_of_memory(error):
                    memory.ended(len(batch), max(utterance.duration for utterance in batch))
                _free_memory(device)
            else:
                writing.fail(piece, batch[0], error)
            continue
        finally:
            readers.done(batch)
        yield from found


def _read_progress(path: Path) -> float:
    try:
        return float(path.read_text())
    except (OSError, ValueError):  # not there yet, or being written
        return 0.0


def _free_memory(device: str) -> None:
    if device.startswith("cuda"):
        import torch

        torch.cuda.empty_cache()


def _pieces(data: DataDir, out: Any, arrays: tuple[str, ...]) -> list[Piece]:
    utterances = data.utterances
    starts = range(0, len(utterances), PIECE_UTTERANCES)
    return [
        Piece(data, tuple(utterances[start : start + PIECE_UTTERANCES]), number, out.path, out.final, arrays)
        for number, start in enumerate(starts, 1)
    ]


def _is_made(piece: Piece) -> bool:
    if not piece.arrays:
        return all((piece.folder / "wav" / f"{utterance}.wav").exists() for utterance in piece.utterances)
    return all(
        (piece.folder / f"{name}.{piece.number}.{kind}").exists() for name in piece.arrays for kind in ("ark", "scp")
    )


def _is_whole(folder: Path, data: DataDir, arrays: tuple[str, ...]) -> bool:
    """Does a finished output still have all its files?"""
    if not arrays:
        found = {entry.name for entry in os.scandir(folder / "wav")} if (folder / "wav").is_dir() else set()
        tables = all((folder / name).exists() for name in (*data.with_audio({}, {}, folder).tables, *data.lists))
        return tables and all(f"{utterance}.wav" in found for utterance in data.utterances)
    pieces = range(1, -(-len(data.utterances) // PIECE_UTTERANCES) + 1)
    return all(
        (folder / f"{name}.scp").exists()
        and all((folder / f"{name}.{number}.{kind}").exists() for number in pieces for kind in ("ark", "scp"))
        for name in arrays
    )


def _write_arrays(piece: Piece, collected: dict[str, dict[str, Any]]) -> None:
    from pseudovox.data.archive import write_ark, write_scp

    for name in piece.arrays:
        ark = f"{name}.{piece.number}.ark"
        entries = write_ark(piece.folder / ark, collected[name], piece.final / ark)
        write_scp(piece.folder / f"{name}.{piece.number}.scp", entries)


def _join_scps(data: DataDir, out: Any, arrays: tuple[str, ...]) -> None:
    from pseudovox.data.archive import write_scp

    for name in arrays:
        entries: dict[str, str] = {}
        for piece in _pieces(data, out, arrays):
            entries.update(read_table(out.path / f"{name}.{piece.number}.scp"))
        if entries.keys() != set(data.utterances):
            raise DataError(f"{out.path}: {name}.scp holds {len(entries)} of {len(data.utterances)} utterances")
        write_scp(out.path / f"{name}.scp", entries)


def _write_data_dir(data: DataDir, out: Any, system: str) -> None:
    import soundfile

    files = {utterance: scp_path(out.final / "wav" / f"{utterance}.wav") for utterance in data.utterances}
    durations = {}
    for utterance in data.utterances:
        info = soundfile.info(str(out.path / "wav" / f"{utterance}.wav"))
        durations[utterance] = info.frames / info.samplerate
    made = data.with_audio(files, durations, out.final)
    if system:
        made.own_origin = data.origin.anonymized(system)
    made.write(out.path)

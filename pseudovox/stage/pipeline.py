"""What goes on beside a worker: threads that read what comes next, and one that writes what was made.

Reading and writing are bounded in seconds of speech, so that memory does not hang on how many utterances there are.
Neither changes a result: what is read ahead is what the worker would have read itself, and what is made is written in
the order in which it was made.
"""

from __future__ import annotations

import collections
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Any, Generic, TypeVar

from pseudovox.data.utterance import Read, Utterance

Group = TypeVar("Group")
ON_CPU = 60.0  # seconds of speech that are read ahead, or wait to be written, where a core does the work itself
BATCHES = 3  # on a GPU: so many batches
MOST_READERS = 8  # threads


class Ahead(Utterance):
    """An utterance that a thread may read before its turn."""

    begun: bool
    reading: Future[Any] | None

    @classmethod
    def of(cls, utterance: Utterance) -> Ahead:
        made = cls(utterance.data, utterance.id)
        object.__setattr__(made, "begun", False)
        object.__setattr__(made, "reading", None)
        return made

    def begin(self, reading: Future[Any] | None) -> None:
        """It is being read: by a thread, or (None) by whoever needs it now."""
        object.__setattr__(self, "begun", True)
        object.__setattr__(self, "reading", reading)

    def given(self, read: Callable[[Utterance], Read]) -> Read:
        reading = self.reading
        # It is handed on, not kept: the memory is the worker's to free.
        self.begin(None)
        return read(self) if reading is None else reading.result()


class Readers(Generic[Group]):
    """Goes over groups of utterances, and has `read` called on the next ones in threads.

    Args:
        groups: (what a group is of, its utterances in the order in which they will be wanted).
        read: a worker's own; None = it reads nothing that could be read ahead.
        threads: that read.
        seconds: of speech that are read and not yet done with, at most, beside one utterance however long.
    """

    def __init__(
        self, groups: Iterable[tuple[Group, list[Ahead]]], read: Callable[[Utterance], Any] | None, *, threads: int,
        seconds: float,
    ) -> None:  # fmt: skip
        self.source = iter(groups)
        self.read, self.seconds = read, seconds
        self.pool = ThreadPoolExecutor(threads, thread_name_prefix="reader") if read else None
        self.waiting: collections.deque[tuple[Group, list[Ahead]]] = collections.deque()
        self.order: collections.deque[Ahead] = collections.deque()
        self.held: dict[int, float] = {}

    def __enter__(self) -> Readers[Group]:
        return self

    def __exit__(self, *error: object) -> None:
        if self.pool:
            self.pool.shutdown(wait=True, cancel_futures=True)

    def __iter__(self) -> Iterator[tuple[Group, list[Ahead]]]:
        while self.waiting or self._more():
            yield self.waiting.popleft()

    def _more(self) -> bool:
        found = next(self.source, None)
        if found is None:
            return False
        self.waiting.append(found)
        self.order.extend(found[1])
        return True

    def fill(self) -> None:
        """Have the next utterances read, as many as there is room for."""
        while self.pool and (self.order or (len(self.waiting) < 2 and self._more())):
            if not self.order:
                continue  # a group without utterances
            utterance = self.order[0]
            if not utterance.begun:
                if self.held and sum(self.held.values()) + utterance.duration > self.seconds:
                    return
                self.held[id(utterance)] = utterance.duration
                utterance.begin(self.pool.submit(self.read, utterance))  # type: ignore[arg-type]
            self.order.popleft()

    def done(self, batch: Iterable[Utterance]) -> None:
        """These are done with: there is room for others."""
        for utterance in batch:
            self.held.pop(id(utterance), None)
            if isinstance(utterance, Ahead):
                utterance.begin(None)


class Beside:
    """Calls functions in a thread of its own, one after the other, in the order in which they came.

    Used as a context: its end waits for all of them; an exception in the context drops what has not begun.

    Args:
        seconds: of speech that may wait, at most, beside one function however much it has.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.queue: collections.deque[tuple[Callable[[], None], float]] = collections.deque()
        self.held, self.ended = 0.0, False
        self.error: BaseException | None = None
        self.changed = threading.Condition()
        self.thread = threading.Thread(target=self._run, name="writer", daemon=True)

    def __enter__(self) -> Beside:
        self.thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with self.changed:
            self.ended = True
            if kind is not None:
                self.queue.clear()
            self.changed.notify_all()
        self.thread.join()
        if kind is None and self.error is not None:
            raise self.error

    def call(self, function: Callable[[], None], seconds: float = 0.0) -> None:
        """Have a function called; waits for room, and raises what an earlier one raised."""
        with self.changed:
            self.changed.wait_for(
                lambda: self.error is not None or not self.held or self.held + seconds <= self.seconds
            )
            if self.error is not None:
                raise self.error
            self.queue.append((function, seconds))
            self.held += seconds
            self.changed.notify_all()

    def _run(self) -> None:
        while True:
            with self.changed:
                self.changed.wait_for(lambda: bool(self.queue) or self.ended)
                if not self.queue:
                    return
                function, seconds = self.queue.popleft()
            try:
                function()
            except BaseException as error:  # it is raised where the work goes on
                with self.changed:
                    self.error = error
                    self.queue.clear()
                    self.ended = True
                    self.changed.notify_all()
                return
            with self.changed:
                self.held = self.held - seconds if self.queue else 0.0
                self.changed.notify_all()

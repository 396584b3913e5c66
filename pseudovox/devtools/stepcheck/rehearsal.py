"""What a step promises, checked by running it (utils/check_step.py).

`Rehearsal` puts a script in a step's place in run.sh, takes the command that run.sh then prints, makes the smallest
data it can run on (bench.py), and runs it again and again, each time in a fresh copy of that data as the working
directory: whatever differs, is lost, or turns up where it should not is a breach.
"""

from __future__ import annotations

import ast
import contextlib
import hashlib
import os
import re
import resource
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from pseudovox import config as configuration
from pseudovox.core import checkout
from pseudovox.core.errors import UsageError
from pseudovox.data.datadir import DataDir
from pseudovox.devtools.stepcheck import bench
from pseudovox.devtools.stepcheck.contract import PROMISES, inside, inspect_data_dir, inspect_output
from pseudovox.stage.digests import MARKER, read_marker

HELP_SECONDS = 0.5  # of CPU time
HEAVY = ("torch", "torchaudio", "lightning", "sklearn", "scipy", "pyworld", "matplotlib", "numpy", "soundfile")
_TIMEOUT = 300
_UNCOMPARED = ("log", "tensorboard")  # folders that tell of times


class Rehearsal:
    """One script in the place of one step.

    Args:
        script: the script; anywhere.
        key: of configuration section `steps`, e.g. "sample"; "system", for a script that is a whole system
            (`system.step`); or "data", for a script that makes data dirs.
        folder: an empty folder to work in.
        words: of "data" alone: the script's arguments, as in data.prepare; DATA stands for the folder of the data dirs.

    Raises:
        UsageError: no such script, or a step that cannot be tried.
    """

    def __init__(self, script: Path, key: str, folder: Path, words: Sequence[str] = ()) -> None:
        self.script, self.key, self.folder = script.resolve(), key, folder
        # (The command runs elsewhere; a word without a slash may be a name.)
        self.words = [str(Path(word).resolve()) if "/" in word and Path(word).exists() else word for word in words]
        if not self.script.is_file():
            raise UsageError(f"{script}: no such script")
        if key not in PROMISES:
            why = f"expected one of {', '.join(PROMISES)}"
            if key == "report":
                why = "stage report only shows what the others measured, anew each time"
            raise UsageError(f"{key!r} cannot be checked: {why}")
        if (key == "data") != bool(words):
            raise UsageError(
                "the script's own arguments are to be given for stage data, and for no other",
                "utils/check_step.py local/prepare_mini.py data --size smoke DATA",
            )
        self.promise = PROMISES[key]
        self.system = bench.WHOLE_SYSTEM if key == "system" else bench.SYSTEM
        self.made_dirs: list[str] = []  # of stage data: the data dirs that the first run made
        self.arguments = self._arguments()
        config = configuration.compose("mini", overrides=bench.OVERRIDES)
        of_system = configuration.compose("mini", self.system, bench.OVERRIDES)
        for name, its in (("config.yaml", config), (f"{self.system}/config.yaml", of_system)):
            path = folder / "bench/exp" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(configuration.to_yaml(its), encoding="utf-8")
        if key == "data":
            self.made, self.data = [], []
            return
        self.made = bench.make(folder / "bench", self.arguments, of_system, anonymized=key == "utility")
        self.data = [DataDir.load(path) for path in self._data_dirs(folder / "bench")]

    def _arguments(self) -> list[str]:
        """What run.sh gives the step, from its own dry run."""
        if self.key == "data":
            words = [f"data{word[4:]}" if word.startswith("DATA") else word for word in self.words]
            return [*words, "--config", "exp/config.yaml", "--nj", "1"]
        step, stages = configuration.STEPS.get(self.key, (f"anonymize_{self.system}", ("synthesize",)))
        command = [
            str(checkout.ROOT / "run.sh"), "--dry-run", "--recipe", "mini", "--system", self.system,
            "--stage", stages[0], "--stop-stage", stages[0], "--data-dir", "data", "--exp-dir", "exp", "--nj", "1",
            "--device", "cpu", *(word for setting in bench.OVERRIDES for word in ("--set", setting)),
        ]  # fmt: skip
        environment = {**os.environ, "PSEUDOVOX_PYTHON": sys.executable}
        shown = subprocess.run(command, capture_output=True, text=True, env=environment)
        for line in shown.stdout.splitlines():
            words = shlex.split(line.removeprefix("$ ")) if line.startswith("$ ") else []
            if words[1:2] == [f"steps/{step}.py"]:
                return words[2:]
        raise AssertionError(f"run.sh runs no {step} in stage {stages[0]}: {shown.stdout}{shown.stderr}")

    def _data_dirs(self, folder: Path) -> list[Path]:
        return [folder / word for word in self.arguments[:-1] if word.startswith("data/")]

    @property
    def outputs(self) -> list[str]:
        """The folders that the step is to make, below the working directory."""
        if self.key == "data":
            return self.made_dirs
        out = self.arguments[-1]
        if not self.promise.by_set:
            return [out]
        return [f"{out}/{part.name}{self.promise.suffix}" for part in self.data] + [
            f"{out}/{name}" for name in self.promise.further
        ]

    # ------------------------------------------------------------------ running
    def _copy(self, name: str) -> Path:
        shutil.copytree(self.folder / "bench", self.folder / name)
        return self.folder / name

    def _start(self, where: Path, arguments: list[str], hash_seed: int = 1) -> subprocess.Popen[str]:
        # Another order of sets in every run, which Python has by chance otherwise.
        environment = {**os.environ, "PYTHONPATH": str(checkout.ROOT), "PYTHONHASHSEED": str(hash_seed),
                       "PSEUDOVOX_CMD": "local"}  # fmt: skip
        return subprocess.Popen(
            [sys.executable, str(self.script), *arguments], cwd=where, env=environment, text=True, errors="replace",
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip

    def _run(self, where: Path, arguments: list[str], hash_seed: int = 1) -> tuple[int, str]:
        """(exit code, all that was printed); the code is -9 after five minutes."""
        process = self._start(where, arguments, hash_seed)
        try:
            printed, _ = process.communicate(timeout=_TIMEOUT)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            printed = f"did not end within {_TIMEOUT} s\n{process.communicate()[0]}"
        return process.returncode, printed

    def _option(self, name: str, value: str) -> list[str]:
        place = self.arguments.index(name) + 1
        return [*self.arguments[:place], value, *self.arguments[place + 1 :]]

    def _other_order(self) -> list[str]:
        """The arguments with the data dirs turned round; the same where there is but one, or where they are pairs."""
        first = next(number for number, word in enumerate(self.arguments) if word.startswith("data/"))
        names = self.arguments[first:-1]
        return self.arguments if self.key == "asv" else [*self.arguments[:first], *names[::-1], self.arguments[-1]]

    # ------------------------------------------------------------------ the checks
    def check(self, tell: Callable[[str, list[str]], None]) -> int:
        """Run every check; `tell(what was checked, breaches)` after each. Returns the number of breaches."""
        count = 0

        def told(title: str, breaches: list[str]) -> None:
            nonlocal count
            count += len(breaches)
            tell(title, breaches)

        told("--help is the manual, and quick", self._help())
        told("an unknown option: exit code 2", self._usage())
        where = self._copy("first")
        before = _files(where)
        started = time.monotonic()
        code, printed = self._run(where, self.arguments)
        if code != 0:
            told("runs on the command line of run.sh", [f"ends with exit code {code}; it printed:\n{_tail(printed)}"])
            return count
        told(f"runs on the command line of run.sh ({time.monotonic() - started:.1f} s)", [])
        if self.key == "data":
            self.made_dirs = sorted(str(path.relative_to(where)) for path in where.glob("data/*") if path.is_dir())
        told("every utterance, sorted, as the next stages read it", self._outputs(where))
        told("input untouched, nothing written elsewhere or left behind", self._elsewhere(where, before))
        first = self._contents(where)
        with ThreadPoolExecutor(2) as pool:
            later: list[tuple[str, Callable[[], list[str]]]] = [
                ("the same bytes with --nj 2", lambda: self._same("nj", self._option("--nj", "2"), first)),
                ("a second run does nothing", lambda: self._again(where)),
                ("killed (kill -9) and run again: the same bytes", lambda: self._killed(first)),
            ]
            if self.data:
                later.append(("bad data: exit code 3, the file named, no traceback", self._bad))
            if self.data and self.promise.by_set and self._other_order() != self.arguments:
                order = ("the same bytes whatever the order of data dirs", self._other_order())
                later.insert(1, (order[0], lambda: self._same("order", order[1], first)))
            if self.made:
                later.append(("an input is missing: exit code 3 or 4, no traceback", self._missing))
            for title, breaches in zip(
                (title for title, _ in later), pool.map(lambda item: item[1](), later), strict=True
            ):
                told(title, breaches)
        return count

    def _help(self) -> list[str]:
        try:
            documentation = ast.get_docstring(ast.parse(self.script.read_bytes(), self.script.name)) or ""
        except (SyntaxError, ValueError) as error:
            return [f"not a Python script: {error}"]
        before = _cpu_seconds()
        shown = subprocess.run(
            [sys.executable, "-X", "importtime", str(self.script), "--help"], capture_output=True, text=True,
            timeout=_TIMEOUT, env={**os.environ, "PYTHONPATH": str(checkout.ROOT)}, cwd=self.folder,
        )  # fmt: skip
        seconds = _cpu_seconds() - before  # not the time of day: the machine may be busy
        if shown.returncode != 0:
            return [f"--help ends with exit code {shown.returncode}:\n{_tail(shown.stderr)}"]
        found = []
        if not documentation or documentation.splitlines()[0] not in shown.stdout:
            found.append("--help does not show the script's docstring, which is to be the manual page")
        elif "example" not in documentation.lower():
            found.append("the manual page (the script's docstring) has no example")
        imported = {
            line.split("|")[-1].strip() for line in shown.stderr.splitlines() if line.startswith("import time:")
        }
        heavy = [name for name in HEAVY if name in imported]
        if heavy:
            found.append(f"--help imports {', '.join(heavy)}: import it inside the functions that use it")
        elif seconds > HELP_SECONDS:
            found.append(f"--help takes {seconds:.1f} s of CPU time, expected less than {HELP_SECONDS}")
        return found

    def _usage(self) -> list[str]:
        code, _ = self._run(self.folder, ["--no-such-option"])
        return [] if code == 2 else [f"exit code {code}: are the shared options those of pseudovox.stage.parser?"]

    def _outputs(self, where: Path) -> list[str]:
        found = [] if self.outputs else ["no data dir was made below DATA"]
        for output in self.outputs:
            if not (where / output).is_dir():
                found.append(f"{output}: was not made")
            elif read_marker(where / output) is None:
                found.append(
                    f"{output}/{MARKER}: no marker, so nobody knows whether the output is whole (stage.output)"
                )
        if self.key == "data":
            with inside(where):
                found += [breach for output in self.outputs for breach in inspect_data_dir(Path(output))]
        elif self.promise.by_set:
            for part in self.data:
                folder = f"{self.arguments[-1]}/{part.name}{self.promise.suffix}"
                if (where / folder).is_dir():
                    found += inspect_output(where, folder, part, self.promise)
        elif not found:
            found += [f"{self.outputs[0]}/{name}: missing" for name in self.promise.files
                      if not (where / self.outputs[0] / name).is_file()]  # fmt: skip
        return found

    def _elsewhere(self, where: Path, before: dict[str, str]) -> list[str]:
        found = []
        after = _files(where)
        for name in sorted(before.keys() | after.keys()):
            if name not in after:
                found.append(f"{name}: an input was removed")
            elif name in before and before[name] != after[name]:
                found.append(f"{name}: an input was changed")
            elif name not in before and not any(name.startswith(f"{output}/") for output in self.outputs):
                found.append(f"{name}: written outside the output, or left behind")
        for output in self.outputs:
            if (where / output / ".settings.json").exists():
                found.append(f"{output}: looks unfinished (.settings.json)")
        return found[:6]

    def _contents(self, where: Path) -> dict[str, str]:
        """Digests of the outputs' files, but for those that tell times."""
        return {
            name: digest
            for name, digest in _files(where).items()
            if any(name.startswith(f"{output}/") for output in self.outputs)
            and not set(Path(name).parts) & set(_UNCOMPARED)
            and Path(name).name != MARKER
        }

    def _differences(self, first: dict[str, str], where: Path) -> list[str]:
        second = self._contents(where)
        differing = [name for name in sorted(first.keys() | second.keys()) if first.get(name) != second.get(name)]
        if not differing:
            return []
        name = differing[0]
        how = "differs" if name in first and name in second else "is only in one of the two runs"
        return [
            f"{name} {how} ({len(differing)} of {len(first)} files): does every random draw come from "
            "(seed, purpose, id), pseudovox.core.seeds.generator?"
        ]

    def _same(self, name: str, arguments: list[str], first: dict[str, str]) -> list[str]:
        where = self._copy(name)
        code, printed = self._run(where, arguments, hash_seed=2)
        if code != 0:
            return [f"ends with exit code {code}:\n{_tail(printed)}"]
        return self._differences(first, where)

    def _again(self, where: Path) -> list[str]:
        times = {path: path.stat().st_mtime_ns for path in where.rglob("*") if path.is_file()}
        code, printed = self._run(where, self.arguments)
        if code != 0:
            return [f"ends with exit code {code}:\n{_tail(printed)}"]
        found = []
        changed = [path for path, when in times.items() if not path.exists() or path.stat().st_mtime_ns != when]
        if changed:
            found.append(f"made again: {changed[0].relative_to(where)} (stage.output skips what is done)")
        code, printed = self._run(where, [*self.arguments, "--limit", "1"])
        if code != 3:
            found.append(
                f"and with another setting (--limit 1) it must stop with exit code 3, since the output is of other "
                f"settings; it ends with {code}:\n{_tail(printed)}"
            )
        return found

    def _killed(self, first: dict[str, str]) -> list[str]:
        where = self._copy("killed")
        before = set(_names(where))
        process = self._start(where, self.arguments, hash_seed=3)
        deadline = time.monotonic() + _TIMEOUT
        while process.poll() is None and time.monotonic() < deadline:
            if any(not name.endswith(".lock") for name in set(_names(where)) - before):
                break  # it has begun to write
            time.sleep(0.005)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        code, printed = self._run(where, self.arguments, hash_seed=4)
        if code != 0:
            return [f"the second run ends with exit code {code}:\n{_tail(printed)}"]
        return self._differences(first, where)

    def _bad(self) -> list[str]:
        where = self._copy("bad")
        table = self._data_dirs(where)[0] / "utt2spk"
        table.write_text("utterance-without-a-speaker\n" + table.read_text(encoding="utf-8"), encoding="utf-8")
        before = _files(where)
        code, printed = self._run(where, self.arguments)
        found = []
        if code != 3 or "Traceback" in printed:
            found.append(f"a line of utt2spk without a speaker: exit code {code}\n{_tail(printed)}")
        elif "utt2spk" not in printed:
            found.append(f"the message does not name the file, utt2spk:\n{_tail(printed)}")
        made = [name for name in _files(where).keys() - before.keys() if not name.endswith(".lock")]
        return found + ([f"{made[0]} was written all the same"] if made else [])

    def _missing(self) -> list[str]:
        found = []
        where = self._copy("missing")
        for path in self.made:
            shutil.move(where / path, where / "aside")
            code, printed = self._run(where, self.arguments)
            if code not in (3, 4) or "Traceback" in printed:
                found.append(f"without {path}: exit code {code}\n{_tail(printed)}")
            for output in self.outputs:
                shutil.rmtree(where / output, ignore_errors=True)
                shutil.rmtree(where / f"{output}.partial", ignore_errors=True)
            shutil.move(where / "aside", where / path)
        return found


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _names(folder: Path) -> Iterator[str]:
    for root, _, files in os.walk(folder):
        for name in files:
            yield f"{root}/{name}"


def _files(folder: Path) -> dict[str, str]:
    """Digest of every file below a folder, by its path there."""
    return {
        str(Path(name).relative_to(folder)): hashlib.sha256(Path(name).read_bytes()).hexdigest()
        for name in _names(folder)
    }


def _tail(printed: str, lines: int = 6) -> str:
    kept = [line for line in re.split(r"[\r\n]+", printed) if line.strip()][-lines:]
    return "\n".join(f"      | {line[:160]}" for line in kept) or "      | (nothing)"

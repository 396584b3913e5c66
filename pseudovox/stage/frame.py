"""The frame of every step: arguments, data dirs, exit codes, the log."""

from __future__ import annotations

import argparse
import functools
import logging
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

from pseudovox import config as configuration
from pseudovox.config import validation
from pseudovox.core import checkout, machine
from pseudovox.core.errors import DataError, PseudovoxError, UsageError
from pseudovox.data.datadir import DataDir, bytewise
from pseudovox.stage import jobs
from pseudovox.stage.device import resolve_device
from pseudovox.stage.digests import digest_path
from pseudovox.stage.outputs import Output

log = logging.getLogger("pseudovox")
Options = TypeVar("Options", bound=Any)  # a dataclass


def parser(manual: str | None, *, data_dirs: str = "", out_dir: str = "") -> argparse.ArgumentParser:
    """An argument parser with the options that all steps share.

    Args:
        manual: the step's docstring, which --help shows.
        data_dirs: what the data dirs are that the step reads; if given, the step takes `<data_dirs>... <out_dir>`.
        out_dir: what the output is.
    """
    made = argparse.ArgumentParser(
        description=manual, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    shared = made.add_argument_group("options shared by all steps")
    shared.add_argument("--config", type=Path, metavar="FILE", help="resolved configuration, as ./run.sh leaves it")
    shared.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="override one key (repeatable)")
    shared.add_argument("--nj", type=int, default=0, metavar="N", help="parallel jobs (0: one per core)")
    shared.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:<n> (auto: CUDA where it works)")
    shared.add_argument("--seed", type=int, help="overrides the configuration's seed")
    shared.add_argument("--limit", type=int, default=0, metavar="N", help="only the first N utterances of a data dir")
    shared.add_argument("--batch-seconds", type=float, default=120.0, help="audio in one batch on a GPU, at most")
    shared.add_argument("--force", action="store_true", help="make the output anew, replacing what is there")
    shared.add_argument("--verbose", action="store_true", help="more detail in the log; tracebacks of user errors")
    if data_dirs:
        made.add_argument(
            "--allow-pipes", action="store_true", help="run the commands that wav.scp names (`... |`), as their author"
        )
        made.add_argument(
            "--channel", type=channel, default=0, metavar="N", help="of recordings with several: 0, 1, ... or mean (0)"
        )
        made.add_argument("data_dirs", nargs="+", type=Path, help=data_dirs)
        made.add_argument("out_dir", type=Path, help=out_dir or "gets one folder for each data dir")
    return made


def channel(word: str) -> int | str:
    """The value of --channel: a number from 0, or "mean"."""
    if word != "mean" and not word.isdecimal():
        raise argparse.ArgumentTypeError(f"{word!r}: expected 0, 1, ... or mean")
    return word if word == "mean" else int(word)


def load_data(
    args: argparse.Namespace, *, need: Sequence[str] = (), reads: Sequence[str] | None = None
) -> list[DataDir]:
    """The step's data dirs, checked, and cut to the first --limit utterances.

    Args:
        args: the step's arguments (`data_dirs`, `allow_pipes`, `channel`, `limit`).
        need: tables that must be there besides wav.scp and utt2spk.
        reads: tables that decide the step's result besides these and segments, where others do not; None = all do.

    Raises:
        DataError: as DataDir.load.
    """
    loaded: dict[Path, DataDir] = {}
    for path in args.data_dirs:
        if path in loaded:
            continue
        # Outputs are named for data dirs: `.` and `..` must not name them.
        named = path if path.name not in ("", "..") else Path(os.path.abspath(path))
        data = DataDir.load(named, need=need, allow_pipes=args.allow_pipes)
        system = getattr(args, "system", "")
        if system != "original" and data.name.endswith(f"_{system}"):
            data.system_by_name = system
        loaded[path] = data.subset(data.utterances[: args.limit]) if args.limit else data
        loaded[path].channel = args.channel
        if reads is not None:
            loaded[path].reads = frozenset(("wav.scp", "segments", "utt2spk", *need, *reads))
    return [loaded[path] for path in args.data_dirs]


def load_made(args: argparse.Namespace, data: Sequence[DataDir]) -> dict[Path, DataDir]:
    """What a system made of data dirs, `<data dir>_<system>` beside each, cut to the same utterances.

    Args:
        args: the step's arguments (`system`, `allow_pipes`, `channel`).
        data: as `load_data` gives them.

    Returns:
        the anonymized data dir by the path of the original.

    Raises:
        DataError: as DataDir.load, or an utterance was not anonymized.
    """
    found = {}
    for part in data:
        made = DataDir.load(part.path.with_name(f"{part.name}_{args.system}"), allow_pipes=args.allow_pipes)
        missing = bytewise(set(part.utterances) - set(made.utterances))
        if missing:
            raise DataError(
                f"{made.path}: {len(missing)} utterances of {part.path} are missing, e.g. {missing[0]}",
                f"run the ./run.sh command again with --system {args.system} --stage synthesize "
                "--stop-stage synthesize --force",
            )
        made.system_by_name = args.system
        found[part.path] = made if made.utterances == part.utterances else made.subset(part.utterances)
        found[part.path].channel = args.channel
    return found


def own_options(config: Any, options: type[Options], *, others: bool = False) -> Options:
    """A system's own keys (system.options) as the dataclass that its step knows them by, with its defaults.

    Args:
        config: the configuration.
        options: the dataclass.
        others: for a step that several systems share: keys that the dataclass has not are for their other steps.

    Raises:
        UsageError: a key that the dataclass has not (the nearest one is offered), or a value of the wrong type.
    """
    own = config.system.options
    if others:
        own = {key: value for key, value in own.items() if key in validation.types_of(options)}
    given = validation.checked(own, options, "system.options", {})
    return validation.build(options, validation.merged(asdict(options()), given))  # type: ignore[no-any-return]


def main(made: argparse.ArgumentParser, argv: list[str] | None, run: Callable[[argparse.Namespace, Any], None]) -> int:
    """Parse, resolve the configuration, run, and turn errors into messages and exit codes.

    Exit codes: 0 done, 2 usage, 3 bad or conflicting data, 4 missing model or corpus, 5 some utterances failed.
    """
    args = made.parse_args(argv)
    args.step = Path(made.prog).stem
    jobs.log_to(sys.stderr, verbose=args.verbose)
    try:
        config = configuration.load(args.config, args.set)
        args.seed = config.seed = config.seed if args.seed is None else args.seed
        args.nj = args.nj or machine.cores()
        args.source = Path(run.__code__.co_filename)
        args.script = _own_script(args.source)
        if args.nj < 1 or args.limit < 0:
            raise UsageError("--nj and --limit must be positive")
        run(args, config)
    except PseudovoxError as error:
        if args.verbose:
            log.exception("traceback")
        log.error("%s: %s", made.prog, error)
        return error.exit_code
    except OSError as error:
        if error.errno is None:
            raise
        # No permission, too many files open: the user's to hint, so no traceback.
        log.error("%s: %s: %s", made.prog, error.strerror, error.filename or "")
        return DataError.exit_code
    except KeyboardInterrupt:
        log.error("%s: interrupted; run it again to go on from here", made.prog)
        return 130
    return 0


def compute(args: argparse.Namespace, out: Output, function: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
    """Do a step's one long computation, `function(*arguments, **named, device=...)`, where cmd.sh has jobs run.

    On this machine that is in this process; on a cluster it is one job, requeued when it runs out of time, so the
    function must go on from what it left in the output dir. `--device` is resolved where it runs.

    Args:
        args: the step's arguments (`device`; it says afterwards what was taken).
        out: the step's output, where the job's log goes.
        function: importable by name; its arguments are picklable.

    Returns:
        the function's result.
    """
    task = _Computation(functools.partial(function, *arguments, **named), args.device)
    result, args.device = jobs.run(_Computation.run, [task], [out.path / "log"], name=args.step)[0]
    return result


@dataclass(frozen=True)
class _Computation:
    function: Callable[..., Any]
    device: str

    def run(self) -> tuple[Any, str]:
        device = resolve_device(self.device)
        return self.function(device=device), device


def _own_script(path: Path) -> str | None:
    """The digest of a step's script that is not one of ours: a user edits it, and its output is then made anew."""
    ours = path.parent in (checkout.ROOT / "steps", checkout.ROOT / "local")
    return None if ours or not path.is_file() else digest_path(path)

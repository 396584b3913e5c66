"""The output of a step, whole or absent: made aside, renamed when it is done, and never made twice.

A step's output dir is made aside, in `<name>.partial`, and renamed when it is whole; `.done.json` in it says from
which settings and inputs it was made. Run again, a step

    skips        output that was made from the same settings and inputs,
    continues    a partial output of the same settings and inputs,
    begins anew  a partial output whose inputs alone have changed, e.g. since a bad file was taken away (a training
                 that has left checkpoints stops instead),
    stops        before output of other settings, naming what differs (--force makes it anew).

Output that other code made than today's, in whole or in part, is used, too, but a line says which sources have changed,
and what is made of it, and the report, go on saying so (`code` and `other_code` in the marker).
"""

from __future__ import annotations

import argparse
import contextlib
import errno
import json
import logging
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pseudovox import config as configuration
from pseudovox.core.errors import DataError
from pseudovox.data.datadir import DataDir, write_json
from pseudovox.stage import jobs, sources
from pseudovox.stage.device import resolve_device
from pseudovox.stage.digests import MARKER, differing_keys, digest_data, digest_of, digest_path, other_code, read_marker
from pseudovox.stage.locks import lock
from pseudovox.stage.versions import versions

log = logging.getLogger("pseudovox")
SETTINGS = ".settings.json"  # in a partial output: what it is being made from,
CODE = "code"  # and in it, the digest of each source that makes it; "" of one that changed while it was made
CHECKPOINTS = "checkpoints"  # in a partial output: hours of work, which are not thrown away unasked
Input = Path | str | DataDir | tuple[str, str]


@dataclass
class Output:
    """An output dir in the making.

    Attributes:
        path: where to write (aside).
        final: where it will lie; paths written into files must name this one.
        counts: what to record in the marker, e.g. {"utterances": 12}.
        audio_seconds: speech processed, for the real-time factor.
        share: this output's part of the time. Outputs that are made together, one for each of a step's data dirs, share
            its wall time by their seconds of speech; the factor in their markers is that of the whole.
    """

    path: Path
    final: Path
    counts: dict[str, Any] = field(default_factory=dict)
    audio_seconds: float = 0.0
    share: float = 1.0


@contextlib.contextmanager
def output(
    args: argparse.Namespace,
    out_dir: Path | str,
    *,
    settings: Any,
    inputs: Iterable[Input] = (),
    seeded: bool = True,
    torch_device: bool = True,
    repair: Callable[[Path], bool] | None = None,
    prepare: Callable[[], object] | None = None,
    replace: bool = False,
) -> Iterator[Output | None]:
    """The output dir of a step, whole or absent; yields None when it is there already.

    Args:
        args: the parsed arguments; `args.device` is resolved once work is sure to be done.
        out_dir: the output.
        settings: the configuration that decides the result (a dataclass, dict, or list of them).
        inputs: files and folders that decide the result; a DataDir stands for its folder, as far as it was loaded; or
            what else was read, as (name, digest). Where they alone have changed, unfinished output is begun anew.
        seeded: the seed decides the result too.
        torch_device: the step uses torch, so resolve --device.
        repair: `repair(folder)` tells whether a finished output still has all its files; if not, the step is
            entered again with what is left.
        prepare: called if there may be work, before anything is written: for checks that a step need not make if it is
            done. What it raises leaves no trace in the output.
        replace: output of other settings or inputs is made anew without --force: for summaries, made again in seconds.

    Raises:
        DataError: output of other settings is there and --force was not given, another run holds the dir, it is
            an input as well, or the disk is full or read-only.
    """
    final = Path(out_dir)
    inputs = list(inputs)
    _check_apart(final, inputs)
    made_from = {
        "step": args.step,
        "settings": _plain(settings),
        "inputs": _input_digests(inputs),
        "limit": args.limit,
    }
    if seeded:
        made_from["seed"] = args.seed
    if getattr(args, "channel", 0):
        made_from["channel"] = args.channel
    if getattr(args, "script", None):
        made_from["script"] = args.script
    digest = digest_of(made_from)
    named, final = final, _behind_link(final)
    partial = final.with_name(f"{final.name}.partial")
    if replace and (done := read_marker(final)) and other_code(done):
        args.force = True
    if not args.force and _is_finished(final, digest, repair):
        _tell_skipped(final)
        yield None
        return
    args.force = args.force or replace
    if prepare:
        prepare()
    with _disk_errors(final), lock(final):
        _finish_rename(final, partial, digest)
        if _is_done(args, final, digest, made_from, repair):
            _tell_skipped(final)
            yield None
            return
        if final.exists() and not args.force:  # finished, but files are missing: put back and complete
            log.info("%s: files are missing, completing it", final)
            write_json(final / SETTINGS, {**made_from, CODE: (read_marker(final) or {}).get("code", {})})
            os.replace(final, partial)
            (partial / MARKER).unlink()
        script = getattr(args, "source", None)
        code = sources.sources(script) | sources.of_kinds(settings) if script else {}
        begun_by_other = _prepare_partial(args, partial, made_from, code)
        if torch_device and jobs.place() == "local":
            args.device = resolve_device(args.device)
        out = Output(partial, named)
        from_other = _other_code(inputs)
        if begun_by_other:
            from_other[f"{args.step} (begun)"] = _some(begun_by_other)
        started, when = time.monotonic(), time.strftime("%Y-%m-%dT%H:%M:%S%z")
        with _log_file(partial, args):
            yield out
        seconds = (time.monotonic() - started) * out.share
        marker = {
            **made_from,
            "digest": digest,
            "counts": out.counts,
            "when": when,
            "wall_seconds": round(seconds, 3),
            "audio_seconds": round(out.audio_seconds, 3),
            "real_time_factor": round(seconds / out.audio_seconds, 5) if out.audio_seconds else None,
            "device": args.device,
            "nj": args.nj,
            "versions": versions(),
            "code": code,
            "other_code": from_other,
        }
        _remove_unfinished(partial)
        write_json(partial / MARKER, marker)
        _finish_rename(final, partial, digest)
        rate = f", real-time factor {seconds / out.audio_seconds:.4f}" if out.audio_seconds else ""
        log.info("%s: done in %.1f s%s", final, seconds, rate)


def _plain(settings: Any) -> Any:
    if isinstance(settings, (list, tuple)):
        return [_plain(section) for section in settings]
    if isinstance(settings, dict):
        return {key: _plain(value) for key, value in settings.items()}
    return configuration.section_dict(settings)


def _tell_skipped(final: Path) -> None:
    log.info("%s: done already, skipped", final)
    done = read_marker(final) or {}
    if names := other_code(done):
        log.warning(
            "%s: CAUTION, made by other code (commit %s; changed since: %s). It is used; --force makes it anew",
            final, done.get("versions", {}).get("commit", "unknown"), _some(names),
        )  # fmt: skip


def _other_code(inputs: Sequence[Input]) -> dict[str, str]:
    """Which of the outputs that something is made from, near or far, were made by other code: its sources by name."""
    found: dict[str, str] = {}
    for path in filter(None, map(_path_of, inputs)):
        marker = read_marker(path if path.is_dir() else path.parent)
        if marker:
            found |= marker.get("other_code", {})
            if names := other_code(marker):
                found[f"{marker['step']} ({path.name})"] = _some(names)
    return dict(sorted(found.items()))


def _some(names: Sequence[str], most: int = 4) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def _path_of(given: Input) -> Path | None:
    if isinstance(given, tuple):
        return None
    return given.path if isinstance(given, DataDir) else Path(given)


def _input_digests(inputs: Sequence[Input]) -> dict[str, str]:
    digests: dict[str, str] = {}
    for number, given in enumerate(inputs):
        # Named for the message of a conflict; numbered since two inputs may have the same last name.
        if isinstance(given, tuple):
            digests[f"{number}:{given[0]}"] = given[1]
        elif isinstance(given, DataDir):
            digests[f"{number}:{given.name}"] = digest_data(given)
        else:
            digests[f"{number}:{Path(given).name}"] = digest_path(Path(given))
    return digests


def _check_apart(final: Path, inputs: Sequence[Input]) -> None:
    """Inputs are never modified: an output may be none of them, nor lie in one."""
    place = Path(os.path.realpath(final))
    for own in filter(None, map(_path_of, inputs)):
        path = Path(os.path.realpath(own))
        if place == path or path in place.parents:
            raise DataError(f"{final}: the output would be in the input {path}", "give another output dir")


def _behind_link(final: Path) -> Path:
    """Where an output lies: what a link in its place leads to, e.g. since the folder was moved to a larger disk."""
    if not final.is_symlink():
        return final
    place = Path(os.path.realpath(final))
    if not place.is_dir():
        raise DataError(f"{final}: is a link to {place}, where no folder is", f"rm {final}, or bring back the folder")
    return place


@contextlib.contextmanager
def _disk_errors(final: Path) -> Iterator[None]:
    """Say which output could not be written, where the system's message names a file or none at all."""
    try:
        yield
    except OSError as error:
        hints = {
            errno.ENOSPC: "make room there",
            errno.EDQUOT: "make room there",
            errno.EROFS: "give an output dir that can be written",
            errno.EACCES: "give an output dir that can be written",
            errno.EPERM: "give an output dir that can be written",
        }
        if error.errno not in hints:
            raise
        file = f" ({error.filename})" if error.filename else ""
        hint = f"{hints[error.errno]}, then run the same command: what is done is kept"
        raise DataError(f"{final}: cannot be written: {error.strerror}{file}", hint) from error


def _is_finished(final: Path, digest: str, repair: Callable[[Path], bool] | None) -> bool:
    """Is it there and whole, with nothing to tidy beside it? Writes nothing, so read-only output is skipped too."""
    beside = (f"{final.name}.partial", f"{final.name}.replaced", f".{final.name}.lock")
    if any(final.with_name(name).exists() for name in beside):
        return False
    done = read_marker(final)
    return done is not None and done["digest"] == digest and (repair is None or repair(final))


def _is_done(
    args: argparse.Namespace, final: Path, digest: str, made_from: dict[str, Any],
    repair: Callable[[Path], bool] | None,
) -> bool:  # fmt: skip
    if not final.exists():
        return False
    if not final.is_dir():
        raise DataError(f"{final}: is a file; the output is a folder", "give another output dir")
    done = read_marker(final)
    if done is None:
        if not any(path for path in final.iterdir()):
            final.rmdir()
            return False
        raise DataError(
            f"{final}: holds files that no finished step of pseudovox wrote, so it is left alone",
            "give another output dir, or move this one away",
        )
    if done["digest"] == digest:
        if repair and not repair(final):
            return False
        return not args.force
    if args.force:
        return False
    raise _conflict(final, done, made_from)


def _conflict(folder: Path, done: dict[str, Any], made_from: dict[str, Any]) -> DataError:
    changed = differing_keys({key: done.get(key, "(absent)") for key in made_from}, made_from)
    return DataError(
        f"{folder}: was made with other settings or inputs:\n    " + "\n    ".join(changed[:12]),
        "give --force to make it anew, or another output dir (./run.sh: --exp-dir, --data-dir) to keep both",
    )


def _prepare_partial(
    args: argparse.Namespace, partial: Path, made_from: dict[str, Any], code: dict[str, str]
) -> list[str]:
    """Make the dir aside, unless it is there and of the same settings.

    Returns:
        the sources that have changed since an earlier run left a part that is gone on with.
    """
    settings = partial / SETTINGS
    if partial.is_symlink():
        raise DataError(f"{partial}: is a link, and nothing is written outside the output dir", f"rm {partial}")
    if partial.exists():
        try:
            old = json.loads(settings.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            old = None
        its_code = old.pop(CODE, None) if isinstance(old, dict) else None
        if old == made_from and not args.force:
            log.info("%s: going on with what an earlier run left", partial)
            return _note_code(partial, made_from, its_code, code)
        if old is not None and old != made_from and not args.force:
            mended = {**old, "inputs": {}} == {**made_from, "inputs": {}} and not (partial / CHECKPOINTS).exists()
            if not mended:
                raise _conflict(partial, old, made_from)
            log.info("%s: an earlier run left a part, made from other inputs; begun anew", partial)
        shutil.rmtree(partial)
    partial.mkdir(parents=True)
    write_json(settings, {**made_from, CODE: code})
    return []


def _note_code(
    partial: Path, made_from: dict[str, Any], earlier: dict[str, str] | None, code: dict[str, str]
) -> list[str]:
    """Which sources are others than those that have made a part of it; noted there, should this run be killed, too."""
    if earlier is None:  # of a version that did not note them
        earlier = dict.fromkeys(code, "")
    changed = sorted(name for name in {*earlier, *code} if code and earlier.get(name) != code.get(name))
    if changed:
        log.warning(
            "%s: CAUTION, begun by other code (changed since: %s). It is gone on with; --force makes it anew",
            partial, _some(changed),
        )  # fmt: skip
        write_json(partial / SETTINGS, {**made_from, CODE: {**code, **dict.fromkeys(changed, "")}})
    return changed


def _remove_unfinished(partial: Path) -> None:
    """What a killed run, or a job of this one that was killed and begun again, was writing.

    Files have such names until they are whole (datadir.write_atomic).
    """
    for path in partial.rglob(".*.tmp"):
        path.unlink(missing_ok=True)


def _finish_rename(final: Path, partial: Path, digest: str) -> None:
    """Put a whole partial dir in its place; also after a kill between its steps, each of which is atomic."""
    replaced = final.with_name(f"{final.name}.replaced")
    done = read_marker(partial)
    if done and done["digest"] == digest:
        (partial / SETTINGS).unlink(missing_ok=True)
        if final.exists():
            _remove(replaced)
            os.replace(final, replaced)
        os.replace(partial, final)
    if final.exists():
        _remove(replaced)


def _remove(folder: Path) -> None:
    """Remove a folder, if it is there; of a link, the link."""
    if folder.is_symlink():
        folder.unlink()
    elif folder.exists():
        shutil.rmtree(folder)


@contextlib.contextmanager
def _log_file(partial: Path, args: argparse.Namespace) -> Iterator[None]:
    """Write the log into the output, too, and at its end why the step failed; say where it lies."""
    path = partial / "log" / f"{args.step}.log"
    path.parent.mkdir(exist_ok=True)
    handler = logging.FileHandler(path, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    log.addHandler(handler)
    handler.handle(log.makeRecord(log.name, logging.INFO, "", 0, f"command: {' '.join(sys.argv)}", (), None))
    try:
        yield
    except BaseException as error:
        handler.handle(log.makeRecord(log.name, logging.ERROR, "", 0, f"failed: {error}", (), sys.exc_info()))
        log.info("the log is %s", path)
        raise
    finally:
        log.removeHandler(handler)
        handler.close()

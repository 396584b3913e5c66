"""The frame of utils/: option names as in Kaldi, messages and exit codes."""

import argparse
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from pseudovox.core import command
from pseudovox.core.errors import DataError, MissingModelError, PseudovoxError, UsageError


def run(run_it: Callable[[argparse.Namespace], None], *words: str) -> int:
    parser = command.parser("A program.")
    parser.add_argument("--utt-prefix", default="")
    parser.add_argument("--per-utt", action="store_true")
    parser.add_argument("rest", nargs="*")
    return command.main(parser, list(words), run_it)


@pytest.mark.parametrize(
    ("words", "prefix", "per_utt", "rest"),
    [
        (["--utt-prefix", "-x", "a"], "-x", False, ["a"]),
        (["--utt_prefix=a_b", "--per_utt", "a_b"], "a_b", True, ["a_b"]),
        (["--utt_prefix", "--per-utt"], "--per-utt", False, []),
        (["--per-utt", "--", "-a"], "", True, ["-a"]),
    ],
)
def test_options_as_in_kaldi(words: list[str], prefix: str, per_utt: bool, rest: list[str]) -> None:
    seen: list[argparse.Namespace] = []
    assert run(seen.append, *words) == 0
    assert (seen[0].utt_prefix, seen[0].per_utt, seen[0].rest) == (prefix, per_utt, rest)


@pytest.mark.parametrize("error", [UsageError, DataError, MissingModelError])
def test_errors_are_messages(error: type[PseudovoxError], capsys: pytest.CaptureFixture[str]) -> None:
    def fail(args: argparse.Namespace) -> None:
        raise error("x:1: is wrong", "make it right")

    assert run(fail) == error.exit_code
    assert capsys.readouterr().err.endswith(": x:1: is wrong\n  hint: make it right\n")


def test_what_the_system_refuses(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(lambda args: (tmp_path / "none" / "x").write_text("")) == 3  # type: ignore[arg-type, return-value]
    assert "No such file or directory" in capsys.readouterr().err


def test_a_reader_that_leaves() -> None:
    program = (
        "import sys; from pseudovox.core import command; sys.exit(command.main(command.parser(''), [], "
        "lambda args: [print('x' * 1000) for _ in range(1000)]))"
    )
    script = f'{sys.executable} -c "$1" | head -1 | wc -c; echo ${{PIPESTATUS[0]}}'
    done = subprocess.run(["bash", "-c", script, "-", program], capture_output=True, text=True)
    assert done.stdout.split() == ["1001", "0"] and not done.stderr

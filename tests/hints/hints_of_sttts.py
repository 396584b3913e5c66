"""Hints of speech to text to speech."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from obeying import obeyed, settings_in

from pseudovox import config, stage
from pseudovox.anonymize.sttts import recognition
from pseudovox.anonymize.sttts.options import Options
from pseudovox.data.datadir import DataDir


def options(*settings: str) -> Options:
    made = config.load(None, ["system.options.recogniser.kind=phones", *settings])
    return stage.own_options(made, Options)


@obeyed("pseudovox/anonymize/sttts/recognition.py", "no bigram of phones here")
def predictor_without_a_bigram(tiny_data: DataDir) -> Any:
    hint = yield lambda: recognition.check(options(), Path("phones"))
    (setting,) = settings_in(hint)
    yield lambda: recognition.check(options(setting), Path("phones"))

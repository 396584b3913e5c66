"""Hints that no machine can obey here: by module and a fragment of the message, and why. Each was read and is true."""

from __future__ import annotations

_ARCHIVE = "an archive that breaks the rules is not to be used at all: a warning to people"
_WEB = "needs a server that fails and then does not; tests/corpora/downloads has one, and goes on from what is there"
_CLUSTER = "needs a Slurm cluster (tests/slurm)"
_WEIGHTS = "needs weights of Whisper's and their converter"

REVIEWED: list[tuple[str, str, str]] = [
    (
        "pseudovox/models/codec_lm/encodec.py",
        "needs the package transformers",
        "asks for the installation of a package",
    ),
    ("pseudovox/anonymize/strategy.py", "are the same: no spread", "asks for a look at the x-vectors of a pool"),
    ("pseudovox/corpora/downloads/__init__.py", "the archive holds no folder", "asks to read the page of a publisher"),
    ("pseudovox/corpora/downloads/transfer.py", "given up after {} attempts", _WEB),
    ("pseudovox/corpora/downloads/transfer.py", "it was thrown away", _WEB),
    (
        "pseudovox/corpora/downloads/transfer.py",
        "the server announces {} bytes",
        "asks to open an address in a browser",
    ),
    ("pseudovox/corpora/downloads/transfer.py", "the server answers {}", "asks to read the page of a publisher"),
    ("pseudovox/corpora/downloads/transfer.py", "which is not https", "asks to read the page of a publisher"),
    ("pseudovox/corpora/downloads/unpacking.py", "unpacks to more than the {} GB announced", _ARCHIVE),
    ("pseudovox/corpora/downloads/unpacking.py", "a name stands twice", _ARCHIVE),
    ("pseudovox/corpora/downloads/unpacking.py", "{}: {} is {}, neither file nor folder", _ARCHIVE),
    ("pseudovox/corpora/downloads/unpacking.py", "{}: {} is neither file nor folder", _ARCHIVE),
    ("pseudovox/corpora/downloads/unpacking.py", "is encrypted", _ARCHIVE),
    ("pseudovox/corpora/downloads/unpacking.py", "would be written elsewhere", _ARCHIVE),
    ("pseudovox/components/espeak.py", "does not start with the data in", "needs an installation that is broken"),
    ("pseudovox/stage/jobs.py", "Slurm did not take the jobs", _CLUSTER),
    ("pseudovox/stage/jobs.py", "of an earlier run, do not end", _CLUSTER),
    ("pseudovox/stage/jobs.py", "the end of {}", _CLUSTER),
    ("pseudovox/evaluation/judges/whisper.py", "not a model of Whisper in CTranslate2's format", _WEIGHTS),
    ("pseudovox/evaluation/judges/whisper.py", "nor a model of the package faster-whisper", _WEIGHTS),
    ("pseudovox/evaluation/judges/whisper.py", "its weights are not there", _WEIGHTS),
    ("pseudovox/evaluation/judges/whisper.py", "does not know it", _WEIGHTS),
    ("pseudovox/models/whisper.py", "not the float weights of a Whisper model", _WEIGHTS),
    ("pseudovox/models/whisper.py", "not a CTranslate2 model", _WEIGHTS),
    ("pseudovox/release.py", "would have one name", "two names of 80 random bits that are the same"),
    ("pseudovox/report/spane.py", "nothing was measured of {} there", "asks for a run of minutes"),
]

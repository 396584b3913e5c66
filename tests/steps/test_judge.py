"""steps/judge.py with dummies in the place of the judges' packages: what is heard, scored, and said of the absent."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pseudovox.audio import write_wav
from pseudovox.datadir import DataDir
from pseudovox.report.results import Record, read_records

Program = Callable[..., subprocess.CompletedProcess[str]]

# An utterance is a tone: its pitch is the voice, its loudness the naturalness, and the words are always the same.
DUMMIES = {
    "librosa": "",
    "webrtcvad": "",
    "requests": "",
    "resemblyzer": """
import numpy as np

def preprocess_wav(samples):
    return samples

class VoiceEncoder:
    def __init__(self, device, verbose):
        assert device == "cpu"

    def embed_utterance(self, samples):
        return np.eye(256)[np.abs(np.fft.rfft(samples)).argmax() * 16000 // len(samples) // 100]
""",
    "pocketsphinx": """
class Decoder:
    used = False

    def __init__(self, **options):
        assert options["cmn"] == "batch"

    def start_utt(self):
        assert not self.used, "a decoder remembers what it heard"
        self.used = True

    def process_raw(self, pcm, full_utt):
        self.loud = max(memoryview(pcm).cast("h")) > 8000

    def end_utt(self):
        pass

    def hyp(self):
        return type("Hypothesis", (), {"hypstr": "some word", "score": -7.0}) if self.loud else None
""",
    "onnxruntime": """
class SessionOptions:
    pass

def InferenceSession(path, options, providers):
    assert options.intra_op_num_threads == options.inter_op_num_threads == 1
""",
    "speechmos/__init__": "",
    "speechmos/dnsmos": """
class DNSMOS:
    def __init__(self, primary, p808):
        assert primary.endswith("sig_bak_ovr.onnx") and p808.endswith("model_v8.onnx")

    def __call__(self, samples, rate, personalized):
        value = 1 + 4 * float(abs(samples).max())
        return {"sig_mos": value, "bak_mos": 2.0, "ovrl_mos": 3.0, "p808_mos": 4.0}
""",
}


@pytest.fixture
def packages(tmp_path: Path) -> Path:
    """A folder of dummies for PYTHONPATH."""
    folder = tmp_path / "packages"
    for name, content in DUMMIES.items():
        path = folder / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return folder


def hide(packages: Path, *names: str) -> None:
    """As if these packages were not installed (None in sys.modules is Python's own mark for that)."""
    (packages / "sitecustomize.py").write_text(
        "import sys\n" + "".join(f"sys.modules[{name!r}] = None\n" for name in names)
    )


def make(name: str, pitches: dict[str, float], loudness: float, enrolment: bool) -> None:
    """Two utterances of each of four speakers, each a tone of its speaker's pitch (Hz)."""
    tables: dict[str, dict[str, str]] = {table: {} for table in ("wav.scp", "utt2spk", "spk2gender", "text", "utt2dur")}
    Path("wav", name).mkdir(parents=True)
    for speaker, pitch in pitches.items():
        for number in range(2):
            utterance = f"{speaker}-{number + 2 * enrolment}"
            path = f"wav/{name}/{utterance}.wav"
            write_wav(path, loudness * np.sin(2 * np.pi * pitch * np.arange(4000) / 16000))
            tables["wav.scp"][utterance], tables["utt2spk"][utterance] = path, speaker
            tables["text"][utterance], tables["utt2dur"][utterance] = "SOME WORDS", "0.2500"
        tables["spk2gender"][speaker] = "f"
    utterances = list(tables["utt2spk"])
    lists = {"enrolls": utterances} if enrolment else {
        "trials": [
            f"{speaker} {utterance} {'target' if utterance.startswith(speaker) else 'nontarget'}"
            for speaker in pitches
            for utterance in utterances
        ]
    }  # fmt: skip
    DataDir(f"data/{name}", tables, lists).write()


@pytest.fixture
def corpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Enrolment and trials, original and with all pitches moved on by one speaker (system `moved`)."""
    monkeypatch.chdir(tmp_path)
    voices = {f"s{number}": 850.0 + 1000 * number for number in range(4)}
    moved = {f"s{number}": 850.0 + 1000 * ((number + 1) % 4) for number in range(4)}
    for suffix, pitches, loudness in (("", voices, 0.5), ("_moved", moved, 0.125)):
        make(f"test_enrolls{suffix}", pitches, loudness, enrolment=True)
        make(f"test_trials_f{suffix}", pitches, loudness, enrolment=False)
    return ["data/test_enrolls", "data/test_trials_f"]


def judge(program: Program, packages: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    root = Path(__file__).resolve().parents[2]
    return program("steps/judge.py", "--nj", 1, *arguments, PYTHONPATH=f"{packages}:{root}")


def figures(path: str) -> dict[tuple[str, str, str], Record]:
    return {(record.metric, record.attacker, record.group): record for record in read_records(Path(path))}


def test_judges_original_and_system(program: Program, packages: Path, corpus: list[str]) -> None:
    done = judge(program, packages, "--system", "moved", *corpus, "exp")
    assert done.returncode == 0, done.stderr[-3000:]
    original, moved = figures("exp/summary/original/results.json"), figures("exp/summary/moved/results.json")
    assert original["resemblyzer_eer", "original", "f"].value == 0.0
    assert original["resemblyzer_eer", "original", "f"].n == 32
    # Everybody speaks with another's voice: who compares with the original fails, who knows the system does not.
    assert (moved["resemblyzer_eer", "ignorant", "f"].value or 0) > 40
    assert moved["resemblyzer_eer", "lazy-informed", "f"].value == 0.0
    assert ("resemblyzer_eer", "original", "f") not in moved
    assert original["pocketsphinx_wer", "", "all"].value == 50.0, "WORD for WORDS, and case does not count"
    assert moved["pocketsphinx_wer", "", "all"].value == 100.0, "nothing was recognised"
    assert original["dnsmos_sig", "", "all"].value == pytest.approx(3.0, abs=0.01)
    assert moved["dnsmos_sig", "", "f"].value == pytest.approx(1.5, abs=0.01)
    assert moved["dnsmos_p808", "", "all"].ci_low == pytest.approx(4.0)
    assert moved["dnsmos_p808", "", "all"].level == "spk" and moved["dnsmos_p808", "", "all"].n == 8
    assert original["dnsmos_sig", "", "all"].details["judge"].startswith("speechmos")
    assert Path("exp/summary/original/test_trials_f/hyp").read_text().startswith("s0-0 some word\n")
    assert Path("exp/summary/moved/test_trials_f_moved/hyp").read_text().startswith("s0-0\n")
    assert Path("exp/summary/moved/ignorant/test_enrolls-test_trials_f_moved/scores").is_file()
    assert not Path("exp/dnsmos/test_enrolls").exists(), "nobody asks how natural enrolment is"

    again = judge(program, packages, "--system", "moved", *corpus, "exp")
    assert again.returncode == 0 and "done in" not in again.stderr


def test_absent_judges_are_said_and_made_up_for(program: Program, packages: Path, corpus: list[str]) -> None:
    hide(packages, "onnxruntime", "pocketsphinx")
    done = judge(program, packages, *corpus, "exp")
    assert done.returncode == 0, done.stderr[-3000:]
    assert "dnsmos: not run: no onnxruntime here; needs utils/install.sh judges" in done.stderr
    found = figures("exp/summary/original/results.json")
    for metric in ("dnsmos_ovrl", "pocketsphinx_wer"):
        assert found[metric, "", "all"].value is None
        assert found[metric, "", "all"].details["not_run"].endswith("not run: needs utils/install.sh judges")
    assert found["resemblyzer_eer", "original", "f"].value == 0.0
    again = judge(program, packages, *corpus, "exp")
    assert again.returncode == 0 and "done in" not in again.stderr

    hide(packages)  # now they are installed
    done = judge(program, packages, *corpus, "exp")
    assert done.returncode == 0, done.stderr[-3000:]
    found = figures("exp/summary/original/results.json")
    assert found["dnsmos_ovrl", "", "all"].value == 3.0 and found["pocketsphinx_wer", "", "all"].value == 50.0


def test_slow_judges_hear_a_part_from_all_speakers(program: Program, packages: Path, corpus: list[str]) -> None:
    done = judge(
        program, packages, "--set", "judges.utterances=5", "--set", "judges.pocketsphinx=false", *corpus, "exp"
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found = figures("exp/summary/original/results.json")
    assert found["dnsmos_ovrl", "", "all"].n == 5 and found["dnsmos_ovrl", "", "all"].details["speakers"] == 4
    assert found["resemblyzer_eer", "original", "f"].n == 32
    assert not [key for key in found if key[0] == "pocketsphinx_wer"]


def test_trials_without_enrolment(program: Program, packages: Path, corpus: list[str]) -> None:
    done = judge(program, packages, "data/test_trials_f", "exp")
    assert done.returncode == 3 and "none of the data dirs enrol its 4 speakers" in done.stderr
    lost = DataDir.load("data/test_trials_f_moved")
    lost.subset(lost.utterances[1:], "data/test_trials_f_lossy").write()
    done = judge(program, packages, "--system", "lossy", "data/test_trials_f", "exp")
    assert done.returncode == 3 and "s0-0" in done.stderr
    assert "Traceback" not in done.stderr

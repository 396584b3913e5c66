"""steps/judge.py with dummies in the place of the judges' packages: what is heard, scored, and said of the absent."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pseudovox.data.audio import write_wav
from pseudovox.data.datadir import DataDir
from pseudovox.records import Record, read_records

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
    "ctranslate2": "",
    "xls_r_sqa": "",
    "huggingface_hub/__init__": "",
    "huggingface_hub/constants": "import os\nHF_HUB_OFFLINE = os.environ.get('HF_HUB_OFFLINE') == '1'",
    "faster_whisper": """
import types
from pathlib import Path

def available_models():
    return ["base.en", "small"]

def download_model(name, local_files_only=False):
    assert name in available_models()
    raise FileNotFoundError("not in the cache") if local_files_only else ConnectionError("no network")

class WhisperModel:
    supported_languages = ["en"]

    def __init__(self, folder, device, compute_type, cpu_threads, local_files_only):
        assert (device, compute_type, cpu_threads, local_files_only) == ("cpu", "int8", 1, True)
        self.text = (Path(folder) / "model.bin").read_text()

    def transcribe(self, samples, language, beam_size, best_of, temperature, condition_on_previous_text,
                   without_timestamps):
        assert (language, beam_size, temperature, condition_on_previous_text) == ("en", 1, 0.0, False)
        assert without_timestamps
        text = self.text if abs(samples).max() > 0.25 else ""
        return iter([types.SimpleNamespace(text=text, tokens=[1], avg_logprob=-0.5)]), None
""",
    "whisper_normalizer/__init__": "",
    "whisper_normalizer/english": """
def EnglishTextNormalizer():
    return lambda text: text.lower().replace(".", "")
""",
    "distillmos": """
import torch

class ConvTransformerSQAModel(torch.nn.Module):
    def __init__(self, segmenting_in_forward):
        assert not segmenting_in_forward
        super().__init__()
        print("weights loaded")

    def forward(self, windows):
        assert windows.shape[1] == 122880
        return 1 + 4 * windows.abs().amax(1, keepdim=True)
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


def whisper(name: str, text: str) -> str:
    """A folder that holds a dummy of a model which hears this text."""
    folder = Path(name)
    folder.mkdir()
    for file in ("model.bin", "config.json", "tokenizer.json"):
        (folder / file).write_text(text)
    return str(folder)


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
    [header, row] = Path("exp/summary/moved/averages/dnsmos/gender.txt").read_text().splitlines()
    assert header.split("\t")[:4] == ["dataset", "gender", "n_samples", "dnsmos_sig"]
    assert row.split("\t")[:3] == ["test_trials_f", "f", "8"] and float(row.split("\t")[3]) == pytest.approx(
        1.5, abs=0.01
    )
    assert "\t100.0000\n" in Path("exp/summary/moved/averages/pocketsphinx/all.txt").read_text()

    again = judge(program, packages, "--system", "moved", *corpus, "exp")
    assert again.returncode == 0 and "done in" not in again.stderr


def test_absent_judges_are_said_and_made_up_for(program: Program, packages: Path, corpus: list[str]) -> None:
    hide(packages, "onnxruntime", "pocketsphinx")
    done = judge(program, packages, *corpus, "exp")
    assert done.returncode == 0, done.stderr[-3000:]
    assert "dnsmos: not run: no onnxruntime here; needs utils/install.sh judges" in done.stderr
    assert "whisper-base.en: not run: no weights of Whisper's base.en here; needs utils/python.sh -c" in done.stderr
    assert "fetching" not in done.stderr, "HF_HUB_OFFLINE"
    assert "judges.whisper=FOLDER" in str(
        figures("exp/summary/original/results.json")["whisper_base.en_wer", "", "all"].details["not_run"]
    )
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


def test_models_of_whisper_and_distillmos(program: Program, packages: Path, corpus: list[str]) -> None:
    models = [whisper("whisper-tiny", "Some words."), whisper("mine", "no words")]
    arguments = ["--set", f"judges.whisper=[{', '.join(models)}]", "--set", "judges.pocketsphinx=false"]
    done = judge(program, packages, *arguments, "--system", "moved", *corpus, "exp")
    assert done.returncode == 0, done.stderr[-3000:]
    original, moved = figures("exp/summary/original/results.json"), figures("exp/summary/moved/results.json")
    tiny = original["whisper_tiny_wer", "", "all"]
    assert tiny.value == 0.0, "SOME WORDS and Some words. are the same to the normaliser"
    assert original["whisper_mine_wer", "", "f"].value == 50.0 and moved["whisper_tiny_wer", "", "all"].value == 100.0
    assert tiny.ci_high == 0.0 and tiny.n == 16 and tiny.details["normalisation"] == "whisper english"
    assert tiny.details["model"]["name"] == "tiny" and tiny.details["model"]["bytes"] == 11
    assert "Whisper tiny, model.bin " + tiny.details["model"]["sha256"][:16] in tiny.details["judge"]
    assert "faster-whisper" in tiny.details["judge"]
    assert Path("exp/summary/original/whisper-tiny/test_trials_f/hyp").read_text().startswith("s0-0 Some words.\n")
    assert original["distillmos", "", "all"].value == pytest.approx(3.0, abs=0.01), "1 + 4 * loudness"
    assert moved["distillmos", "", "f"].ci_low == pytest.approx(1.5, abs=0.01)

    Path("mine/model.bin").write_text("other weights of the same name")
    done = judge(program, packages, *arguments, *corpus, "exp")
    assert done.returncode == 3 and "version" in done.stderr and "--force" in done.stderr


def test_models_of_whisper_that_are_not_there(program: Program, packages: Path, corpus: list[str]) -> None:
    alone = [f"judges.{name}=false" for name in ("resemblyzer", "pocketsphinx", "dnsmos", "distillmos")]
    options = [part for key in alone for part in ("--set", key)]
    done = judge(program, packages, *options, "--set", "judges.whisper=nowhere", *corpus, "exp")
    assert done.returncode == 2 and "neither a folder nor a model" in done.stderr and "base.en, small" in done.stderr
    Path("hollow").mkdir()
    done = judge(program, packages, *options, "--set", "judges.whisper=hollow", *corpus, "exp")
    assert done.returncode == 3 and "no model.bin, config.json, tokenizer.json" in done.stderr
    twice = f"judges.whisper=[{whisper('whisper-tiny', 'a')}, {whisper('tiny', 'b')}]"
    done = judge(program, packages, *options, "--set", twice, *corpus, "exp")
    assert done.returncode == 2 and "would both be called tiny" in done.stderr
    german = ["--set", "judges.whisper=tiny", "--set", "judges.language=de"]
    done = judge(program, packages, *options, *german, *corpus, "exp")
    assert done.returncode == 3 and "'de': whisper tiny does not know it" in done.stderr
    assert "Traceback" not in done.stderr


def test_weights_that_cannot_be_fetched(packages: Path, monkeypatch: pytest.MonkeyPatch, caplog) -> None:  # type: ignore[no-untyped-def]
    from pseudovox.evaluation.judges import whisper as module

    for name in ("faster_whisper", "huggingface_hub", "huggingface_hub.constants"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.syspath_prepend(str(packages))
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    with caplog.at_level("WARNING", logger="pseudovox"):
        module.fetch("small")
    assert "small: fetching the weights" in caplog.text and "could not be fetched: no network" in caplog.text
    for name in ("faster_whisper", "huggingface_hub", "huggingface_hub.constants"):
        monkeypatch.delitem(sys.modules, name, raising=False)

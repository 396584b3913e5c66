"""Training, decoding and scoring as users run them, on "speech" whose letters are tones: it must be learnt."""

import importlib.util
import io
import json
import logging
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pseudovox.data.audio import write_wav
from pseudovox.data.datadir import DataDir, read_table
from pseudovox.records import read_records, without_times

ROOT = Path(__file__).resolve().parents[2]
Program = Callable[..., subprocess.CompletedProcess[str]]
TONES = {"A": 400.0, "B": 900.0, "C": 1900.0, "D": 3800.0}
WORDS = ["AB", "CAD", "DB", "BAC"]
SETTINGS = [
    "mel_bins=20", "channels=48", "blocks=2", "held_out=0.1", "copies=0", "dropout=0", "augment.warp=0.02",
    "augment.mel_masks=0", "training.updates=120", "training.round_updates=60", "training.batch_size=8",
    "training.warmup=5", "training.learning_rate=0.01", "training.threads=1",
]  # fmt: skip
OPTIONS = [part for setting in SETTINGS for part in ("--set", f"recognizer.{setting}")]


def say(text: str, generator: np.random.Generator) -> np.ndarray:
    """Each letter 80 ms of its tone after 20 ms of near-silence; 60 ms between words."""
    pieces = [np.zeros(1600)]
    for word in text.split():
        pieces.append(np.zeros(960))
        for letter in word:
            time = np.arange(1280) / 16000
            pieces += [np.zeros(320), 0.3 * np.sin(2 * np.pi * TONES[letter] * time)]
    samples = np.concatenate([*pieces, np.zeros(1600)])
    return samples + 0.003 * generator.standard_normal(len(samples))


def make(name: str, count: int, seed: int) -> DataDir:
    generator = np.random.default_rng(seed)
    tables: dict[str, dict[str, str]] = {table: {} for table in ("wav.scp", "utt2spk", "utt2dur", "text", "spk2gender")}
    Path("wav").mkdir(exist_ok=True)
    for number in range(count):
        speaker = "fm"[number % 2] + str(number % 4)
        utterance = f"{speaker}-{name}-{number:03d}"
        text = " ".join(generator.choice(WORDS, size=generator.integers(1, 4)))
        samples = say(text, generator)
        write_wav(Path("wav") / f"{utterance}.wav", samples)
        tables["wav.scp"][utterance] = f"wav/{utterance}.wav"
        tables["utt2spk"][utterance] = speaker
        tables["utt2dur"][utterance] = f"{len(samples) / 16000:.4f}"
        tables["text"][utterance] = text
        tables["spk2gender"][speaker] = speaker[0]
    data = DataDir(f"data/{name}", tables)
    data.write()
    return data


def step(name: str, *arguments: object) -> int:
    """Run a step in this process, which saves the seconds that importing torch takes."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "steps" / f"{name}.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.main([str(argument) for argument in arguments])


def test_from_speech_to_word_error_rate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    make("train", 80, 1)
    test = make("test_trials_f", 12, 2)
    assert step("train_recognizer", *OPTIONS, "--device", "cpu", "data/train", "exp/recognizer") == 0
    decode = ["decode_speech", "--model", "exp/recognizer", "--device", "cpu"]
    assert step(*decode, "--nj", 2, "data/test_trials_f", "exp/original/asr") == 0
    hypotheses = read_table(Path("exp/original/asr/test_trials_f/hyp"))
    assert hypotheses == test.text

    assert step(*decode, "--nj", 1, "data/test_trials_f", "exp/again") == 0
    same = [Path(parent) / "test_trials_f" / "tokens.1.ark" for parent in ("exp/original/asr", "exp/again")]
    assert same[0].read_bytes() == same[1].read_bytes()

    assert step(*decode, "--nj", 1, "--set", "decoder.kind=greedy", "data/test_trials_f", "exp/greedy") == 0
    greedy = read_table(Path("exp/greedy/test_trials_f/hyp"))
    assert sum(greedy[utterance] == text for utterance, text in test.text.items()) > 6

    score = ["score_wer", "--model", "exp/recognizer", "--hypotheses", "exp/original/asr"]
    assert step(*score, "data/test_trials_f", "exp/original/wer") == 0
    records = read_records(Path("exp/original/wer/results.json"))
    assert [(record.set, record.group, record.value) for record in records] == [
        ("test", "all", 0.0), ("test", "f", 0.0), ("test", "m", 0.0),
    ]  # fmt: skip
    assert records[0].n == sum(len(text.split()) for text in test.text.values())
    assert 2 < records[0].details["lm_perplexity"] < 5 and records[0].details["words_unknown_to_lm"] == 0
    before = Path("exp/original/wer/results.json").stat().st_mtime_ns
    assert step(*score, "data/test_trials_f", "exp/original/wer") == 0
    assert Path("exp/original/wer/results.json").stat().st_mtime_ns == before

    capsys.readouterr()
    assert step("write_report", "exp", "exp/report") == 0
    shown = capsys.readouterr().out
    assert "WER all" in shown and "0.0 [0.0, 0.0]" in shown
    first = json.loads(Path("exp/report/results.json").read_text())
    assert step("write_report", "exp", "exp/report") == 0
    second = json.loads(Path("exp/report/results.json").read_text())
    assert first["times"]["steps"] and second["times"]["steps"]
    assert without_times(first) == without_times(second) and first["records"][0]["seconds"] > 0
    assert "| original |" in Path("exp/report/RESULTS.md").read_text()


def test_a_recogniser_of_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A random wav2vec 2.0 in the place of torchaudio's: taken over, then used greedily."""
    import torch
    import torchaudio

    from pseudovox.models import pretrained, store

    sizes = {
        "extractor_mode": "layer_norm", "extractor_conv_layer_config": [(8, 10, 5), (8, 8, 8), (8, 8, 8)],
        "extractor_conv_bias": True, "encoder_embed_dim": 8, "encoder_projection_dropout": 0.1,
        "encoder_pos_conv_kernel": 8, "encoder_pos_conv_groups": 2, "encoder_num_layers": 1, "encoder_num_heads": 2,
        "encoder_attention_dropout": 0.1, "encoder_ff_interm_features": 16, "encoder_ff_interm_dropout": 0.0,
        "encoder_dropout": 0.0, "encoder_layer_norm_first": True, "encoder_layer_drop": 0.0, "aux_num_out": 29,
    }  # fmt: skip
    bundles = torchaudio.pipelines
    real = bundles.WAV2VEC2_ASR_LARGE_LV60K_960H
    tiny = type(real)("tiny.pth", sizes, _labels=real._labels, _sample_rate=16000, _normalize_waveform=True,
                      _model_type="Wav2Vec2")  # fmt: skip
    monkeypatch.setattr(bundles, "WAV2VEC2_ASR_LARGE_LV60K_960H", tiny)
    monkeypatch.setitem(pretrained.FILES, "WAV2VEC2_ASR_LARGE_LV60K_960H", "checkpoints/tiny.pth")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    test = make("test_trials_f", 4, 2)
    messages = logging.StreamHandler(io.StringIO())
    logging.getLogger("pseudovox").addHandler(messages)

    def said() -> str:
        return str(messages.stream.getvalue())

    importing = ["import_recognizer", "--set", "recognizer.kind=wav2vec2", "--device", "cpu"]
    assert step(*importing, "exp/recognizer") == 4
    assert "nothing is downloaded" in said() and not Path("exp/recognizer").exists()

    torch.manual_seed(1)
    model = torchaudio.models.wav2vec2_model(**{**sizes, "aux_num_out": 32})  # with the rows that are left out
    (tmp_path / "cache/hub/checkpoints").mkdir(parents=True)
    torch.save(model.state_dict(), tmp_path / "cache/hub/checkpoints/tiny.pth")
    assert step(*importing, "exp/recognizer") == 0
    (tmp_path / "cache/hub/checkpoints/tiny.pth").unlink()
    assert step(*importing, "exp/recognizer") == 0, "what was taken over needs the file no more"

    options = ["--set", "decoder.kind=greedy", "--device", "cpu", "--nj", 2]
    assert step("decode_speech", "--model", "exp/recognizer", *options, "data/test_trials_f", "exp/asr") == 0
    heard = read_table(Path("exp/asr/test_trials_f/hyp"))
    assert heard.keys() == test.text.keys() and any(heard.values())
    assert set("".join(heard.values())) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZ' ")
    score = ["score_wer", "--model", "exp/recognizer", "--hypotheses", "exp/asr", "--training", "anonymized"]
    assert step(*score, "--set", "decoder.kind=greedy", "data/test_trials_f", "exp/wer") == 0
    [record, *_] = read_records(Path("exp/wer/results.json"))
    assert record.details["recognizer"] == "WAV2VEC2_ASR_LARGE_LV60K_960H" and "lm_perplexity" not in record.details
    assert record.training == "anonymized"
    assert step("decode_speech", "--model", "exp/recognizer", "data/test_trials_f", "exp/words") == 2
    assert "has no words (lm.arpa)\n  hint: --set decoder.kind=greedy" in said()

    train = make("train_x", 12, 3)
    settings = ["kind=wav2vec2", "held_out=0.2", "training.updates=6", "training.round_updates=3", "training.warmup=1",
                "training.batch_size=4", "training.learning_rate=0.0001", "training.threads=1"]  # fmt: skip
    tuning = ["train_recognizer", *(part for setting in settings for part in ("--set", f"recognizer.{setting}"))]
    assert step(*tuning, "--device", "cpu", "data/train_x", "exp/tuned") == 2 and "give --initial" in said()
    tuning += ["--initial", "exp/recognizer", "--device", "cpu"]
    assert step(*tuning, "data/train_x", "exp/tuned") == 0 and step(*tuning, "data/train_x", "exp/again") == 0
    before, after = (store.load(Path("exp") / name, "wav2vec2")[0].state_dict() for name in ("recognizer", "tuned"))
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    assert moved and not any("feature_extractor" in name for name in moved), "the convolutions are left as they are"
    assert Path("exp/tuned/weights.safetensors").read_bytes() == Path("exp/again/weights.safetensors").read_bytes()
    decode = ["decode_speech", "--model", "exp/tuned", *options, "data/test_trials_f", "exp/asr_tuned"]
    assert step(*decode) == 0 and read_table(Path("exp/asr_tuned/test_trials_f/hyp")).keys() == test.text.keys()
    assert not Path("exp/tuned/lm.arpa").exists()

    train.tables["text"] = dict.fromkeys(train.tables["text"], "日本語")
    DataDir("data/other", train.tables).write()
    assert step(*tuning, "data/other", "exp/other") == 3 and "12 utterances were left out" in said()


def test_errors_name_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: Program) -> None:
    monkeypatch.chdir(tmp_path)
    data = make("test", 2, 1)
    missing = program("steps/decode_speech.py", "--model", "exp/none", "data/test", "exp/asr")
    assert missing.returncode == 4 and "no model here" in missing.stderr
    del data.tables["text"]
    DataDir("data/untold", data.tables).write()
    untold = program("steps/train_recognizer.py", "data/untold", "exp/recognizer")
    assert untold.returncode == 3 and "lacks the file text" in untold.stderr
    report = program("steps/write_report.py", "exp/none", "exp/report")
    assert report.returncode == 3 and "no such experiment dir" in report.stderr

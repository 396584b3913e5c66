"""The judges as they are, on synthetic sounds: shapes, ranges, silence, and that what came before does not matter.

Left out where the packages are not installed (`utils/install.sh judges`), as in CI.
"""

import numpy as np
import pytest

from pseudovox.evaluation import judges


def vowel(pitch: float, seconds: float = 1.0) -> np.ndarray:
    """Harmonics with two formants: enough like a voice to be taken for one."""
    time = np.arange(round(seconds * 16000)) / 16000
    orders = np.arange(1, int(4000 / pitch))
    weights = sum(np.exp(-(((orders * pitch - formant) / 150) ** 2)) for formant in (700, 1200))
    tone = (weights[:, None] * np.sin(2 * np.pi * orders[:, None] * pitch * time)).sum(0)
    return (0.3 * tone / np.abs(tone).max()).astype(np.float32)


@pytest.fixture(scope="module", params=[name for name, kind in judges.JUDGES.items() if not (kind.weights or kind.gpu)])
def judge(request: pytest.FixtureRequest) -> tuple[str, judges.Judge]:
    for module in judges.JUDGES[request.param].modules:
        pytest.importorskip(module)
    return request.param, judges.JudgeWorker(judges.Asked(request.param)).judge


def test_order_does_not_matter_and_silence_is_no_error(judge: tuple[str, judges.Judge]) -> None:
    name, hear = judge
    sounds = [vowel(120), np.zeros(16000, np.float32), vowel(200, 0.7), np.zeros(100, np.float32), vowel(120)]
    found = [hear(sound) for sound in sounds]
    assert all(array.dtype == np.float32 and array.ndim == 1 and np.isfinite(array).all() for array in found)
    assert np.array_equal(found[0], found[4])
    if name == "resemblyzer":
        assert [len(array) for array in found] == [256] * 5 and not found[1].any()
        assert np.linalg.norm(found[0]) == pytest.approx(1, abs=1e-5)
    if name == "distillmos":
        assert all(len(array) == 1 and 0.5 < array[0] < 5.2 for array in found)
    if name == "dnsmos":
        assert all(len(array) == 4 and 0.5 < array.min() and array.max() < 5.2 for array in found)


def test_a_long_recording_is_rated_in_parts_as_the_package_rates_it_at_once() -> None:
    distillmos = pytest.importorskip("distillmos")
    import torch

    sound = np.concatenate([vowel(120, 5), vowel(200, 5), 0.2 * vowel(90, 6.3)])
    with torch.inference_mode():
        whole = distillmos.ConvTransformerSQAModel().eval()(torch.from_numpy(sound)[None])
    assert judges.JudgeWorker(judges.Asked("distillmos")).judge(sound)[0] == pytest.approx(whole.item(), abs=1e-3)


def test_words_come_back_from_a_judgement() -> None:
    from pseudovox.evaluation.judges.transcript import judgement, words

    assert words(judgement(-1.0, "naïve word")) == "naïve word"
    assert words(judgement(0.0, "")) == ""


def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr("importlib.util.find_spec", lambda module: None if module == "onnxruntime" else object())
    dnsmos = judges.Asked("dnsmos")
    assert judges.missing(dnsmos) == ["onnxruntime"] and judges.missing(judges.Asked("resemblyzer")) == []
    assert judges.installed([dnsmos]) == {"dnsmos": None}


def test_figures_are_current_unless_a_judge_has_come_or_changed(tmp_path) -> None:  # type: ignore[no-untyped-def]
    assert not judges.is_current(tmp_path, {"dnsmos": None})
    judges.write_installed(tmp_path, {"dnsmos": None, "resemblyzer": "resemblyzer 1"})
    assert judges.is_current(tmp_path, {"dnsmos": None, "resemblyzer": "resemblyzer 1"})
    assert judges.is_current(tmp_path, {"dnsmos": None, "resemblyzer": None}), "figures stay when a package goes"
    assert not judges.is_current(tmp_path, {"dnsmos": "speechmos 1", "resemblyzer": "resemblyzer 1"})
    assert not judges.is_current(tmp_path, {"dnsmos": None, "resemblyzer": "resemblyzer 2"})

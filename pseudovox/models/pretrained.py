"""Weights that others trained: found where torchaudio, or whatever package reads them, keeps them, fetched by no step.

    path = weights_file("WAV2VEC2_ASR_LARGE_LV60K_960H")      # MissingModelError, with the command, where it is not
    state = read_weights("WAV2VEC2_ASR_LARGE_LV60K_960H")     # the tensors, by name

Whoever wants them fetches them once on a machine with internet (`fetch_command`) and carries the file over.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pseudovox.core.errors import DataError, MissingModelError, PseudovoxError, UsageError

if TYPE_CHECKING:
    import torch

    from pseudovox.config import Config

# The bundles of torchaudio.pipelines that are used here, with their files below torch.hub.get_dir().
_MODELS = "checkpoints"
_ASSETS = "torchaudio/models"
FILES = {
    "WAV2VEC2_ASR_BASE_960H": f"{_MODELS}/wav2vec2_fairseq_base_ls960_asr_ls960.pth",
    "WAV2VEC2_ASR_LARGE_960H": f"{_MODELS}/wav2vec2_fairseq_large_ls960_asr_ls960.pth",
    "WAV2VEC2_ASR_LARGE_LV60K_960H": f"{_MODELS}/wav2vec2_fairseq_large_lv60k_asr_ls960.pth",
    "HUBERT_ASR_LARGE": f"{_MODELS}/hubert_fairseq_large_ll60k_asr_ls960.pth",
    "WAV2VEC2_BASE": f"{_MODELS}/wav2vec2_fairseq_base_ls960.pth",
    "WAV2VEC2_LARGE_LV60K": f"{_MODELS}/wav2vec2_fairseq_large_lv60k.pth",
    "HUBERT_BASE": f"{_MODELS}/hubert_fairseq_base_ls960.pth",
    "HUBERT_LARGE": f"{_MODELS}/hubert_fairseq_large_ll60k.pth",
    "WAVLM_BASE_PLUS": f"{_MODELS}/wavlm_base_plus.pth",
    "WAVLM_LARGE": f"{_MODELS}/wavlm_large.pth",
    "SQUIM_OBJECTIVE": f"{_ASSETS}/squim_objective_dns2020.pth",
    "SQUIM_SUBJECTIVE": f"{_ASSETS}/squim_subjective_bvcc_daps.pth",
}

# Models that are none of torchaudio's, with their files where their package looks for them, or beside torchaudio's.
OTHERS = {
    "NISQA": "~/.torchmetrics/NISQA/nisqa.tar",
    "KNNVC_HIFIGAN_PREMATCHED": f"{_MODELS}/prematch_g_02500000.pt",
    "KNNVC_HIFIGAN": f"{_MODELS}/g_02500000.pt",
    "BARK": f"{_MODELS}/bark_large.bin",
    "BARK_SMALL": f"{_MODELS}/bark_small.bin",
    "HUBERT_UNITS": f"{_MODELS}/quantifier_hubert_base_ls960_14.pth",
    "FACODEC_ENCODER": f"{_MODELS}/ns3_facodec_encoder.bin",
    "FACODEC_DECODER": f"{_MODELS}/ns3_facodec_decoder.bin",
    "FACODEC_REDECODER": f"{_MODELS}/ns3_facodec_redecoder.bin",
    "WAV2VEC2_EMOTION_DIMENSIONS": f"{_MODELS}/wav2vec2_large_robust_12_emotion_msp_dim.bin",
}


def cache_file(bundle: str) -> Path:
    """Where the weights of a bundle of torchaudio, or of one of OTHERS, are kept, there or not; torch is not imported.

    Raises:
        UsageError: a bundle that is one of neither.
    """
    if bundle in OTHERS and OTHERS[bundle].startswith("~"):
        return Path(OTHERS[bundle]).expanduser()
    if bundle not in OTHERS:
        _check_known(bundle)
    caches = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache")
    home = Path(os.environ.get("TORCH_HOME") or caches / "torch")
    return home.expanduser() / "hub" / {**FILES, **OTHERS}[bundle]


def _check_known(bundle: str) -> None:
    if bundle not in FILES:
        raise UsageError(f"no bundle {bundle!r} of torchaudio is known here; there are: {', '.join(FILES)}")


def _called(bundle: str) -> str:
    return bundle if bundle in OTHERS else f"torchaudio's {bundle}"


def fetch_command(bundle: str) -> str:
    """The command that puts the weights where `cache_file` says, for a machine with internet."""
    return f"local/download.py {bundle}"


def weights_file(bundle: str, given: str = "", key: str = "") -> Path:
    """The weights of a bundle: the file that was given, or else that of `cache_file`.

    Args:
        bundle: a name of FILES or OTHERS.
        given: a path; "" = the cache.
        key: of the configuration, that can name another file; for the message.

    Raises:
        MissingModelError: it is not there; the message says what to do.
    """
    path = Path(given).expanduser() if given else cache_file(bundle)
    if path.is_file():
        return path
    other = f"; or copy {cache_file(bundle).name} here and --set {key}=FILE" if key else ""
    raise MissingModelError(
        f"{path}: the weights of {_called(bundle)} are not there, and nothing is downloaded here",
        f"{fetch_command(bundle)} (with internet){other}",
    )


def read_weights(bundle: str, given: str = "", key: str = "") -> dict[str, torch.Tensor]:
    """The tensors of a weights file by name, on the CPU; nothing in the file is run.

    Raises:
        MissingModelError: as `weights_file`.
        DataError: it is not a file of weights.
    """
    return tensors_of(weights_file(bundle, given, key), bundle)


def tensors_of(path: Path, bundle: str, inside: str = "") -> dict[str, torch.Tensor]:
    """The tensors of a file by name, on the CPU; nothing in the file is run.

    Args:
        path: as torch.save wrote it (see `weights_file`).
        bundle: whose weights it should hold, for the message.
        inside: they are below this name of the file.

    Raises:
        DataError: it is not a file of weights.
    """
    import torch

    try:
        found = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises many kinds on a damaged file
        reason = " ".join(str(error).split())[:200]
        raise DataError(f"{path}: cannot be read as weights: {reason}", _replace(path, bundle)) from None
    if inside and isinstance(found, dict):
        found = found.get(inside)
    if not isinstance(found, dict) or not all(isinstance(value, torch.Tensor) for value in found.values()):
        raise DataError(f"{path}: holds something else than weights by name", _replace(path, bundle))
    return found


def _replace(path: Path, bundle: str) -> str:
    """The hint for a file that holds no weights: local/download.py leaves what is there as it is."""
    own = path == cache_file(bundle)
    return f"rm {path} && {fetch_command(bundle)}" if own else f"put those of {_called(bundle)} there, or rm {path}"


def needed(config: Config, exp: Path) -> Iterator[tuple[str, str, PseudovoxError | None]]:
    """The weights that a recipe's configuration asks for.

    Args:
        config: of the recipe.
        exp: its experiment dir, where a recogniser may have been taken over already.

    Yields:
        (what they are for, bundle and file, what is wrong or None)
    """
    taken_over = (exp / "recognizer/original/weights.safetensors").is_file()
    content = config.bottleneck.pretrained()
    sections: list[tuple[str, Any, str, bool]] = [
        (
            "recogniser",
            config.recognizer,
            "recognizer.weights",
            config.recognizer.kind == "wav2vec2" and not taken_over,
        ),
        *([("content", *content, bool(config.sets.train))] if content else []),
        (
            "emotion",
            config.emotion,
            "emotion.weights",
            bool(config.sets.emotion) and "wav2vec2" in config.emotion.features,
        ),
    ]
    for name, section, key, wanted in sections:
        if wanted:
            try:
                yield name, f"{section.bundle}: {weights_file(section.bundle, section.weights, key)}", None
            except PseudovoxError as error:
                yield name, section.bundle, error
    if config.sets.emotion and "wav2vec2" in config.emotion.dimensions:
        name, bundle = "dimensions", "WAV2VEC2_EMOTION_DIMENSIONS"
        try:
            found = weights_file(bundle, config.emotion.dimensions_weights, "emotion.dimensions_weights")
            yield name, f"{bundle}: {found}", None
        except PseudovoxError as error:
            yield name, bundle, error


def bundle_of(name: str) -> Any:
    """torchaudio.pipelines.<name>; UsageError for one that is not in FILES."""
    _check_known(name)
    import torchaudio

    return getattr(torchaudio.pipelines, name)


def load_into(network: torch.nn.Module, weights: dict[str, torch.Tensor], source: str) -> None:
    """Put weights into a network; DataError naming `source` if they are not its own."""
    try:
        network.load_state_dict(weights)
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:200]
        raise DataError(f"{source}: the weights are not those of the model: {reason}") from None


def check_weights(found: Mapping[str, torch.Tensor], expected: Mapping[str, torch.Tensor]) -> None:
    """ValueError unless names and shapes are those of the network, all finite."""
    for what, names in (("missing", expected.keys() - found.keys()), ("unknown", found.keys() - expected.keys())):
        if names:
            raise ValueError(f"{len(names)} weights are {what}, e.g. that of {min(names)}")
    for name, wanted in expected.items():
        if found[name].shape != wanted.shape:
            raise ValueError(
                f"the weight of {name} has shape {tuple(found[name].shape)}, expected {tuple(wanted.shape)}"
            )
        if not found[name].isfinite().all():
            raise ValueError(f"the weight of {name} holds NaN or infinite values")

"""docs/metrics.md lists every metric that the code has."""

import importlib
import inspect
import pkgutil
from pathlib import Path

import pseudovox.metrics
from pseudovox.metrics import linkability, privacy, wer

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "metrics.md").read_text(encoding="utf-8")
MODULES = [module.name for module in pkgutil.iter_modules(pseudovox.metrics.__path__)]


def test_every_function_that_gives_a_figure_is_there() -> None:
    missing = []
    for name in MODULES:
        module = importlib.import_module(f"pseudovox.metrics.{name}")
        for function, value in inspect.getmembers(module, inspect.isfunction):
            figure = inspect.signature(value).return_annotation == "float"
            own = value.__module__ == module.__name__ and not function.startswith("_")
            if own and figure and f"`{name}.{function}`" not in TEXT:
                missing.append(f"{name}.{function}")
    assert not missing


def test_every_key_and_choice_is_there() -> None:
    keys = privacy.privacy_metrics([1.0], [0.0], allow_few=True)  # type: ignore[arg-type]
    for name in [*keys, "n_speakers", *wer.NORMALISATIONS]:
        assert f"`{name}`" in TEXT, name
    for name in privacy.LIKE:
        assert f"--like {name}" in TEXT
    assert f"below {linkability.FEWEST_TARGETS} targets" in TEXT


def test_functions_that_it_names_exist() -> None:
    import re

    for module, function in re.findall(r"`(\w+)\.(\w+)(?:\(|`)", TEXT):
        if module in MODULES:
            assert hasattr(importlib.import_module(f"pseudovox.metrics.{module}"), function), f"{module}.{function}"

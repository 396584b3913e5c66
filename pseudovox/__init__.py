"""pseudovox: the library behind the recipe's steps (speaker anonymization and its evaluation).

Importing the package is cheap: networks and signal processing are imported where they are used.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pseudovox.anonymizer import Anonymizer

__version__ = "0.1.0"
__all__ = ["Anonymizer", "__version__"]


def __getattr__(name: str) -> Any:
    if name == "Anonymizer":
        from pseudovox.anonymizer import Anonymizer

        return Anonymizer
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

"""pseudovox: the library behind the recipe's steps (speaker anonymization and its evaluation).

Importing the package is cheap: networks and signal processing are imported where they are used.
"""

__version__ = "0.1.0"

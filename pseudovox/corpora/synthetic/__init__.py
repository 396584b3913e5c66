"""The synthetic corpus of recipes/mini: sentences from a grammar, spoken by espeak-ng."""

"""Speech recognition: decoding with a trained recogniser, with or without a lexicon and a language model."""

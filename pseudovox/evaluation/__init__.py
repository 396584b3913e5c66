"""From trials to scores: embeddings, back ends, and the decoder of the recogniser."""

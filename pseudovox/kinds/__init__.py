"""The kinds of components that a configuration can choose, a folder for each slot and a module for each kind.

    strategies/           pseudo-speaker strategies              pseudo.strategy
    synthesizers/         acoustic models and vocoders           synthesizer.kind
    speaker_networks/     networks of speaker embeddings         xvector.kind, attacker.kind
    content_extractors/   networks of the content extractor      bottleneck.kind

Each module states the kind's options with their defaults, and where its implementation is. A new kind is a new module
here, or in a recipe (pseudovox/config/kinds.py); nothing else knows it by name.
"""

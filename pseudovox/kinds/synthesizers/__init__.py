"""What speaks: acoustic models with WORLD behind them, and neural vocoders, chosen by synthesizer.kind."""

from pseudovox.config.kinds import search_path

__path__ = search_path(__path__, "synthesizers")

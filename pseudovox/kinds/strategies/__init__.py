"""Pseudo-speaker strategies, chosen by pseudo.strategy; the interface is pseudovox/anonymize/strategy.py."""

from pseudovox.config.kinds import search_path

__path__ = search_path(__path__, "strategies")

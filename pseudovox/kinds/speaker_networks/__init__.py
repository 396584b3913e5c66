"""Networks of speaker embeddings (x-vector extractor, attackers), chosen by xvector.kind and attacker.kind."""

from pseudovox.config.kinds import search_path

__path__ = search_path(__path__, "speaker_networks")

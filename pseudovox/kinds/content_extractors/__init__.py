"""Networks of the content extractor, chosen by bottleneck.kind."""

from pseudovox.config.kinds import search_path

__path__ = search_path(__path__, "content_extractors")

"""Hints of the pseudo-speakers that an adversarial network makes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from obeying import obeyed, settings_in

from pseudovox import config as configuration
from pseudovox.anonymize.strategy import Pool


@obeyed("pseudovox/anonymize/wgan.py", "of the {} artificial x-vectors are of gender {}")
def network_that_makes_one_gender() -> Any:
    draw = np.random.default_rng(0)
    people = Pool(draw.standard_normal((40, 6)).astype(np.float32), ("f", "m") * 20)
    settings = ["pseudo.strategy=wgan", "pseudo.artificial=30", "pseudo.tries=25", "pseudo.wgan.cycles=1",
                "pseudo.wgan.batch_size=16"]  # fmt: skip

    def fit(*more: str) -> Callable[[], Any]:
        options = configuration.load(None, [*settings, *more]).pseudo
        return lambda: options.load().fit(people, options, 1)

    hint = yield fit()
    yield fit(*settings_in(hint))

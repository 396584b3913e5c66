"""Learning rates by update and the adversary's weight by round, against the published examples."""

import pytest

from pseudovox.config import Training
from pseudovox.core.errors import UsageError
from pseudovox.training.schedules import adversary_weight, rate_factor, rounds_of


def rates(options: Training, *updates: int) -> list[float]:
    return [options.learning_rate * rate_factor(options, update) for update in updates]


def test_cosine() -> None:
    options = Training(updates=110, warmup=10, learning_rate=1.0)
    assert rates(options, 0, 4, 9) == pytest.approx([0.1, 0.5, 1.0])
    assert rates(options, 10, 60, 110, 500) == pytest.approx([1.0, 0.505, 0.01, 0.01])


def test_cyclic_is_spane_s() -> None:
    # SpAnE's log: 10 epochs of 1,540 updates end at 2.37e-4, the first at 2.46e-5.
    options = Training(schedule="cyclic", base_rate=1e-6, learning_rate=1e-3, step_size=65_000, warmup=50)
    assert rates(options, 0, 1536, 15_360) == pytest.approx([1e-6, 2.46e-5, 2.37e-4], rel=3e-3)
    assert rates(options, 65_000, 130_000, 195_000) == pytest.approx([1e-3, 1e-6, 1e-3])
    assert rates(options, 97_500)[0] == pytest.approx((1e-3 + 1e-6) / 2)


def test_linear_falls_by_round() -> None:
    options = Training(schedule="linear", updates=100, round_updates=10, warmup=0, learning_rate=1e-3, base_rate=1e-4)
    assert rates(options, 0, 9, 10, 99) == pytest.approx([1e-3, 1e-3, 9e-4, 1e-4])
    assert rates(Training(schedule="linear", updates=5, round_updates=5, warmup=0, learning_rate=1.0), 4) == [1.0]


def test_constant_and_unknown() -> None:
    assert rates(Training(schedule="constant", warmup=2, learning_rate=1.0), 0, 1, 99) == [0.5, 1.0, 1.0]
    with pytest.raises(UsageError, match="'cosin': expected cosine, linear, cyclic, constant"):
        rate_factor(Training(schedule="cosin"), 0)


def test_rounds() -> None:
    assert [rounds_of(Training(updates=n, round_updates=10)) for n in (1, 10, 11)] == [1, 1, 2]


def test_adversary_weight_is_the_published_one() -> None:
    first = [adversary_weight(epoch, 10, zero=3, full=3, largest=1.0) for epoch in range(10)]
    assert first == pytest.approx([0, 0, 0, 0.2, 0.4, 0.6, 0.8, 1, 1, 1])
    second = [adversary_weight(epoch, 10, zero=0, full=0, largest=1.0) for epoch in range(10)]
    assert second == pytest.approx([(epoch + 1) / 11 for epoch in range(10)])
    assert [round(value, 2) for value in (second[0], second[-1])] == [0.09, 0.91]
    # The default only watches.
    assert {adversary_weight(epoch, 10, zero=10, full=0, largest=0.0) for epoch in range(10)} == {0.0}

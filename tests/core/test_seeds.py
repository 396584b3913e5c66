"""Seeds: golden values (they may never change), and independence of what they are for."""

import hashlib
from pathlib import Path

import pytest

from pseudovox.core.errors import DataError
from pseudovox.core.seeds import generator, is_public, secret_seed, seed_for


def test_golden() -> None:
    # SHA-256 of the length-prefixed parts "1", "pseudo-speaker", "1688"; the first 8 bytes, halved.
    parts = b"".join(len(part).to_bytes(8, "little") + part for part in (b"1", b"pseudo-speaker", b"1688"))
    expected = int.from_bytes(hashlib.sha256(parts).digest()[:8], "little") // 2
    assert seed_for(1, "pseudo-speaker", "1688") == expected == 6050398263884460639
    assert generator(1, "pseudo-speaker", "1688").integers(0, 1000, 5).tolist() == [414, 609, 515, 466, 739]


def test_every_part_counts_and_parts_do_not_run_into_each_other() -> None:
    seeds = [
        seed_for(1, "ab", "c"), seed_for(1, "a", "bc"), seed_for(1, "abc"), seed_for(11, "ab", "c"),
        seed_for(1, "ab", "C"), seed_for(1, "ab"), seed_for(-1, "ab", "c"), seed_for(1, "ab", "ç"),
    ]  # fmt: skip
    assert len(set(seeds)) == len(seeds)
    assert all(0 <= seed < 2**63 for seed in seeds)


def test_draws_do_not_depend_on_what_was_drawn_before() -> None:
    first = generator(7, "augment", "u1").random(4)
    generator(7, "augment", "u2").random(100)
    assert (generator(7, "augment", "u1").random(4) == first).all()


def test_a_secret_seed_is_drawn_once_and_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "private/seed"
    drawn = secret_seed(path)
    assert not is_public(drawn) and drawn < 2**128
    assert path.stat().st_mode & 0o077 == 0 and path.parent.stat().st_mode & 0o077 == 0
    assert secret_seed(path) == drawn != secret_seed(tmp_path / "other")
    for text in ("1", "", "-5", "\u0661" * 30, f"{2**100} 7"):
        path.write_text(text)
        with pytest.raises(DataError, match="holds no secret seed"):
            secret_seed(path)

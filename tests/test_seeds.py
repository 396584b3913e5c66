"""Seeds: golden values (they may never change), and independence of what they are for."""

import hashlib

from pseudovox.seeds import generator, seed_for


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

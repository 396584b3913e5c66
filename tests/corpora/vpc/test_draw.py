"""Lists made by the published rules: the published counts on corpora of the real size, disjoint, always equal."""

from collections import Counter
from pathlib import Path

import pytest

from pseudovox.corpora import Recording
from pseudovox.corpora.vpc import draw
from pseudovox.corpora.vpc.counts import COMMON, ENROLMENTS, GENDERS, TRIALS, mixed


def readers(women: int, men: int, utterances: int) -> list[Recording]:
    """Recordings as of dev-clean: some speak more than others, `utterances` on average."""
    return [
        Recording(f"{100 + n}-{n}-{m:04d}", str(100 + n), Path("x"), "f" if n < women else "m")
        for n in range(women + men)
        for m in range(utterances + 4 * (n % 5) - 8)
    ]


@pytest.mark.parametrize("part", ["libri_dev", "libri_test"])
def test_librispeech_has_the_published_counts(part: str) -> None:
    corpus = readers(20, 20, 67)  # dev-clean: 20 women, 20 men, 2703 utterances
    speaker_of = {one.utterance: one.speaker for one in corpus}
    lists = draw.librispeech(corpus, part)
    enrolment = ENROLMENTS[f"{part}_enrolls"]
    assert len(lists.enrolls) == len(set(lists.enrolls)) == enrolment.utterances
    assert len({speaker_of[one] for one in lists.enrolls}) == sum(enrolment.speakers.values())
    assert max(Counter(map(speaker_of.get, lists.enrolls)).values()) <= enrolment.utterances // 29 + 1
    for gender in GENDERS:
        rule, pairs = TRIALS[f"{part}_trials_{gender}"], lists.trials[gender]
        tested = {pair[1] for pair in pairs}
        assert not tested & set(lists.enrolls), "nobody is tested on what enrolled"
        assert (len({pair[0] for pair in pairs}), len(tested)) == (rule.enrolled, rule.utterances)
        assert len({speaker_of[one] for one in tested}) == rule.speakers
        assert sum(pair[2] for pair in pairs) == rule.targets and len(pairs) == rule.trials
        assert all((speaker_of[pair[1]] == pair[0]) == pair[2] for pair in pairs)


def test_mixed_list_is_the_full_cross_of_both_genders() -> None:
    lists = draw.librispeech(readers(20, 20, 67), "libri_dev", mixed=True)
    assert list(lists.trials) == ["mixed"]
    targets = sum(pair[2] for pair in lists.trials["mixed"])
    assert (targets, len(lists.trials["mixed"])) == (mixed("dev").targets, mixed("dev").trials)
    assert lists.enrolls == draw.librispeech(readers(20, 20, 67), "libri_dev").enrolls


def test_small_corpora_give_what_they_have() -> None:
    lists = draw.librispeech(readers(3, 3, 12), "libri_dev")
    assert {gender: len({pair[0] for pair in pairs}) for gender, pairs in lists.trials.items()} == {"f": 2, "m": 2}
    assert all({pair[2] for pair in pairs} == {True, False} for pairs in lists.trials.values())
    assert not {pair[1] for pairs in lists.trials.values() for pair in pairs} & set(lists.enrolls)


def sentences(speakers: int, last: int) -> list[Recording]:
    """Recordings as of VCTK: women and men in turn, sentences 1 to `last`."""
    return [
        Recording(f"p{225 + n}_{m:03d}_mic2", f"p{225 + n}", Path("x"), GENDERS[n % 2])
        for n in range(speakers)
        for m in range(1, last + 1)
    ]


def test_vctk_has_the_published_counts() -> None:
    corpus = sentences(62, 180)
    found = draw.vctk(corpus)
    members = {part: {one.split("_")[0] for one in lists.enrolls} for part, lists in found.items()}
    assert not members["vctk_dev"] & members["vctk_test"], "the speakers of dev and test differ"
    for part, lists in found.items():
        assert len(lists.enrolls) == ENROLMENTS[f"{part}_enrolls"].utterances == 600
        assert set(Counter(one.split("_")[0] for one in lists.enrolls).values()) == {20}
        assert min(map(draw.sentence, lists.enrolls)) > COMMON
        for gender in GENDERS:
            rule, pairs = TRIALS[f"{part}_trials_{gender}"], lists.trials[gender]
            targets = sum(pair[2] for pair in pairs)
            assert (targets, len(pairs) - targets) == (rule.targets, rule.nontargets)
            assert min(draw.sentence(pair[1]) for pair in pairs) > COMMON
            common = lists.trials[f"{gender}_common"]
            assert len(common) == 15 * 15 * 24 and max(draw.sentence(pair[1]) for pair in common) == COMMON
        tested = {pair[1] for pairs in lists.trials.values() for pair in pairs}
        assert not tested & set(lists.enrolls)


def test_a_reordered_corpus_gives_the_same_lists() -> None:
    corpus = sentences(8, 30)
    assert draw.vctk(corpus) == draw.vctk(corpus[::-1])
    small = draw.vctk(corpus)["vctk_dev"]
    assert len(small.enrolls) == 4 * 3 and len(small.trials["f"]) == 2 * 2 * 3, "all pairs where they are few"


@pytest.mark.parametrize(
    ("total", "most", "expected"),
    [
        (343, dict.fromkeys(range(29), 50), {11: 5, 12: 24}),
        (10, {0: 1, 1: 9, 2: 9}, {1: 1, 4: 1, 5: 1}),
        (10, {0: 1, 1: 2}, {1: 1, 2: 1}),
        (0, {0: 1}, {0: 1}),
        (5, {}, {}),
    ],
)
def test_dealing_out_evenly(total: int, most: dict[int, int], expected: dict[int, int]) -> None:
    dealt = draw.level(total, {str(key): value for key, value in most.items()})
    assert Counter(dealt.values()) == expected and sum(dealt.values()) == min(total, sum(most.values()))

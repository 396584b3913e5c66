"""The challenges' result files and averages, against published figures (baselines B1.b of 2022 and B2 of 2024)."""

from collections.abc import Callable
from pathlib import Path

import pytest

from pseudovox import config as configuration
from pseudovox.records import Record
from pseudovox.report import averages, challenge, tables
from pseudovox.report.averages import Place

WEIGHTS = configuration.merge([Path(__file__).resolve().parents[2] / "conf/report/vpc2022.yaml"]).report.weights
LISTS = [
    (f"{corpus}_{split}{common}", gender)
    for split in ("dev", "test")
    for corpus, common in (("libri", ""), ("vctk", ""), ("vctk", "_common"))
    for gender in "fm"
]
OO = [8.665, 1.242, 2.92, 1.439, 2.616, 1.425, 7.664, 1.114, 4.887, 2.067, 2.89, 1.13]
SEMI = [19.03, 5.59, 8.254, 6.005, 9.012, 9.402, 9.489, 7.795, 10.91, 7.52, 15.32, 8.192]
SEMI_OF_MEN = (5.59, 0.190, 3.316, 5.535, 0.855114, 0.578, 3.652)  # of libri_dev, all metrics
PITCH = [0.8389, 0.7645, 0.8653, 0.7615, 0.8423, 0.7193, 0.8517, 0.7228, 0.8694, 0.7746, 0.8489, 0.7133]
GVD = [-4.916, -6.376, -5.937, -9.380, -4.171, -6.987, -5.003, -6.644, -6.089, -8.644, -5.097, -6.502]


def privacy(
    system: str, attacker: str, name: str, group: str, eer: float, *more: float | str, training: str = ""
) -> list[Record]:
    """The records of a trial list: EER, min and actual Cllr, ROCCH-EER, linkability, ZEBRA's two, its tag."""
    names = ("eer", "min_cllr", "cllr", "rocch_eer", "linkability", "zebra_population", "zebra_individual")
    values = [eer, *(value for value in more if not isinstance(value, str))]
    level = "" if system == "original" else "spk"
    found = [
        Record(metric, value, "", system, attacker, name, group, level, training=training)
        for metric, value in zip(names, values, strict=False)
    ]
    if len(found) == len(names):
        found[-1].details["tag"] = more[-1]
    return found


def wer(system: str, name: str, words: int, insertions: int, deletions: int, substitutions: int) -> Record:
    counts = {"insertions": insertions, "deletions": deletions, "substitutions": substitutions}
    rate = 100 * sum(counts.values()) / words
    return Record(
        "wer", rate, "%", system, set=name, level="spk" if system != "original" else "", n=words, details=counts
    )


ASR = [
    wer("original", "libri_dev", 39783, 185, 141, 1196),
    wer("b1b", "libri_dev", 39783, 218, 149, 1301),
    wer("b1b", "libri_test", 35042, 153, 192, 1209),
    # The recognised set of VCTK is the union of its lists.
    wer("b1b", "vctk_dev", 80000, 1200, 1000, 7000),
    wer("b1b", "vctk_dev_common", 6627, 76, 64, 173),
]


def of_lists(make: Callable[[str, str, float], list[Record]], values: list[float]) -> list[Record]:
    return [record for (name, group), value in zip(LISTS, values, strict=True) for record in make(name, group, value)]


RECORDS = [
    *of_lists(lambda *place: privacy("original", "original", *place), OO),
    *of_lists(lambda *place: privacy("b1b", "semi-informed", *place, training="scratch"), SEMI),
    *of_lists(
        lambda name, group, value: [
            Record("pitch_correlation_vpc2022", value, "", "b1b", "", name, group, "spk", details={"deviation": 0.0754})
        ],
        PITCH,
    ),
    *of_lists(
        lambda name, group, value: [Record("voice_distinctiveness_gain", value, "dB", "b1b", "", name, group, "spk")],
        GVD,
    ),
    *ASR,
]


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("vctk_dev_common", Place("vctk", "dev", True)),
        ("libri_test", Place("libri", "test")),
        ("test", Place("", "test")),
        ("IEMOCAP_dev", Place("IEMOCAP", "dev")),
        ("mine", Place("", "mine")),
    ],
)
def test_places(name: str, place: Place) -> None:
    assert Place.of(name) == place


def test_the_challenges_averages() -> None:
    """What the 2022 baseline published: 9.928 and 9.183 of the semi-informed attacker, 3.551 and 3.786 without."""
    for split, semi, unprotected in (("dev", 9.928, 3.551), ("test", 9.183, 3.786)):
        attack = averages.counted_attack(RECORDS, "b1b", split, WEIGHTS)
        assert averages.weighted_mean(attack, WEIGHTS) == pytest.approx(semi, abs=6e-4)
        original = [r for r in averages.in_split(RECORDS, split) if r.attacker == "original"]
        assert averages.weighted_mean(original, WEIGHTS) == pytest.approx(unprotected, abs=6e-4)


def test_plain_means_and_what_is_undefined() -> None:
    attack = averages.counted_attack(RECORDS, "b1b", "dev", {})
    assert averages.weighted_mean(attack, {}) == pytest.approx(sum(SEMI[:6]) / 6)
    assert averages.weighted_mean(attack[1:], WEIGHTS) is None, "a list that has a weight is missing"
    assert averages.weighted_mean(attack, {"libri_test_trials_f": 1.0}) == pytest.approx(sum(SEMI[:6]) / 6)
    assert averages.weighted_mean([Record("eer", None, set="dev", group="f")], {}) is None
    assert averages.weighted_mean([], WEIGHTS) is None
    of_all = [Record("eer", 7.0, set="dev", group="all"), Record("eer", 3.0, set="dev", group="f")]
    assert averages.weighted_mean(of_all, {}) == 3.0 and averages.weighted_mean(of_all[:1], {}) == 7.0


def test_the_strongest_training_counts_for_all_lists() -> None:
    own = [Record("eer", value, "%", "x", "semi-informed", "test", group, "utt", training=way)
           for way, group, value in (("scratch", "f", 30.0), ("scratch", "m", 10.0), ("continued", "f", 24.0),
                                     ("continued", "m", 18.0))]  # fmt: skip
    assert {record.training for record in averages.counted_attack(own, "x", "test", {})} == {"scratch"}
    [standing] = averages.standings(own, "test", {})
    assert (standing.eer, standing.training, standing.wer) == (20.0, "scratch", None)
    # A bound that is just reached is met.
    assert standing.entered == {"VPC 2022": ["EER_1", "EER_2"], "VPC 2024": ["EER_1", "EER_2"]}


def test_conditions_table() -> None:
    [table] = tables.conditions_table(RECORDS, "dev", WEIGHTS)
    assert table.rows == [["b1b", "9.9", "scratch", "none", "none", "7.6"]]
    assert "VPC 2022: EER_1 from 15 %, EER_2 from 20 %, EER_3 from 25 %, EER_4 from 30 %." in table.notes
    assert tables.conditions_table(ASR, "dev", {}) == []
    assert table in tables.report_tables(RECORDS, WEIGHTS)


def test_results_of_2022() -> None:
    """Blocks as in the published results.orig and results.anon of B1.b."""
    records = [
        *privacy("original", "original", "libri_dev", "m", 1.242, 0.034, 14.240, 1.062, 0.973753, 0.696, 4.055, "D"),
        *privacy("b1b", "ignorant", "vctk_dev_common", "f", 46.51, 0.989, 170.988, 45.962, 0.102631, 0.008, 0.748, "A"),
        *privacy("b1b", "ignorant", "vctk_dev", "m", 54.54, 1.0, 154.957, 50.0, 0.063622, 0.0, 2e-4, "A"),
        *privacy("b1b", "lazy-informed", "vctk_dev", "m", 24.12, 0.712, 26.901, 23.885, 0.438937, 8e-5, 1.763, "B"),
        *privacy("b1b", "semi-informed", "libri_dev", "m", *SEMI_OF_MEN, "C", training="scratch"),
        *privacy("other", "ignorant", "libri_dev", "m", 3.0),
        *ASR[:2],
        Record("deid", 0.9985294670007971, "", "b1b", "", "libri_dev", "f", "spk"),
        Record("voice_distinctiveness_gain", -4.916358348097793, "dB", "b1b", "", "libri_dev", "f", "spk"),
        RECORDS[24],
    ]
    assert challenge.results_txt(records, "b1b", {}, semi_informed=False) == (
        "ASV-libri_dev_enrolls-libri_dev_trials_m\n"
        "  EER: 1.242%\n"
        "  Cllr (min/act): 0.034/14.240\n"
        "  ROCCH-EER: 1.062%\n"
        "  linkability: 0.973753\n"
        "  Population: 0.696 bit\n"
        "  Individual: 4.055 (D)\n"
        "ASV-vctk_dev_enrolls-vctk_dev_trials_f_common_anon\n"
        "  EER: 46.51%\n"
        "  Cllr (min/act): 0.989/170.988\n"
        "  ROCCH-EER: 45.962%\n"
        "  linkability: 0.102631\n"
        "  Population: 0.008 bit\n"
        "  Individual: 0.748 (A)\n"
        "ASV-vctk_dev_enrolls-vctk_dev_trials_m_anon\n"
        "  EER: 54.54%\n"
        "  Cllr (min/act): 1.000/154.957\n"
        "  ROCCH-EER: 50.000%\n"
        "  linkability: 0.063622\n"
        "  Population: 0 bit\n"
        "  Individual: 2e-04 (A)\n"
        "ASV-vctk_dev_enrolls_anon-vctk_dev_trials_m_anon\n"
        "  EER: 24.12%\n"
        "  Cllr (min/act): 0.712/26.901\n"
        "  ROCCH-EER: 23.885%\n"
        "  linkability: 0.438937\n"
        "  Population: 8e-05 bit\n"
        "  Individual: 1.763 (B)\n"
        "ASR-libri_dev_asr\n"
        "  %WER 3.83 [ 1522 / 39783, 185 ins, 141 del, 1196 sub ] original/wer\n"
        "ASR-libri_dev_asr_anon\n"
        "  %WER 4.19 [ 1668 / 39783, 218 ins, 149 del, 1301 sub ] b1b/wer\n"
    )
    assert challenge.results_txt(records, "b1b", {}, semi_informed=True) == (
        "ASV-libri_dev_enrolls_anon-libri_dev_trials_m_anon\n"
        "  EER: 5.59%\n"
        "  Cllr (min/act): 0.190/3.316\n"
        "  ROCCH-EER: 5.535%\n"
        "  linkability: 0.855114\n"
        "  Population: 0.578 bit\n"
        "  Individual: 3.652 (C)\n"
        "libri_dev_trials_f  Pitch_correlation: mean=0.8389 std=0.0754\n"
        "libri_dev_trials_f\n"
        "  De-Identification : 0.9985294670007971\n"
        "  Gain of voice distinctiveness : -4.916358348097793\n"
    )


def test_results_where_little_was_recorded() -> None:
    cosines = privacy("original", "original", "dev", "f", 50.0, 0.5)[:2]
    assert challenge.results_txt(cosines, "x", {}, semi_informed=False) == (
        "ASV-dev_enrolls-dev_trials_f\n  EER: 50%\n  Cllr (min/act): 0.500/nan\n"
    )
    assert challenge.results_txt([], "x", {}, semi_informed=True) == ""


def test_summary_of_2022() -> None:
    text = challenge.summary_txt(RECORDS, "b1b", WEIGHTS)
    lines = text.splitlines()
    assert lines[0] == "ASV-libri_dev_enrolls-libri_dev_trials_f  EER: 8.665%"
    assert "ASV-vctk_test_enrolls_anon-vctk_test_trials_f_common_anon  EER: 15.32%" in lines
    assert "ASR-vctk_dev_asr_anon  %WER 10.98 [ 9513 / 86627, 1276 ins, 1064 del, 7173 sub ] b1b/wer" in lines
    assert "libri_dev_trials_f  Pitch_correlation: mean=0.8389 std=0.0754" in lines
    assert "vctk_test_trials_m_common  Gain of voice distinctiveness : -6.502" in lines
    assert lines[-11:] == [
        "Weighted average EER dev orig: 3.551",
        "Weighted average EER test orig: 3.786",
        "Weighted average EER dev anon: 9.928",
        "Weighted average EER test anon: 9.183",
        "Average WER dev orig: 3.826",
        "Average WER dev anon: 7.587",
        "Average WER test anon: 4.435",
        "Weighted average pitch correlation dev: 0.804",
        "Weighted average pitch correlation test: 0.801",
        "Weighted average gain of voice distinctiveness dev: -6.444",
        "Weighted average gain of voice distinctiveness test: -6.438",
    ]


def test_result_for_rank_of_2024() -> None:
    """The published file of B2 (McAdams), but for the numbers of the rows of ASR."""

    def uar(system: str, name: str, value: float, *recalls: float) -> Record:
        named = dict(zip(("sadness", "neutral", "anger", "happiness"), recalls, strict=True))
        return Record("uar", value, "%", system, "", name, details={"recalls": named})

    eers = {"original": (10.511, 0.931, 8.761, 0.418), "anon": (12.910, 2.045, 7.483, 1.557)}
    lists = [("libri_dev", "f"), ("libri_dev", "m"), ("libri_test", "f"), ("libri_test", "m")]
    records = [
        uar("original", "IEMOCAP_dev", 69.0796, 63.6292, 65.9652, 79.7770, 66.9476),
        uar("original", "IEMOCAP_test", 71.0618, 72.5706, 71.6618, 72.8246, 67.1912),
        uar("mcadams", "IEMOCAP_dev", 55.6146, 32.9580, 57.9720, 64.4438, 67.0860),
        uar("mcadams", "IEMOCAP_test", 53.4914, 32.7760, 66.2338, 56.9720, 57.9826),
        uar("mcadams", "emotion", 54.5, 32.8, 62.1, 60.7, 62.5),  # of both together: not in the challenge's file
        *(Record("eer", value, "%", "original", "original", *place)
          for place, value in zip(lists, eers["original"], strict=True)),
        *(Record("eer", value, "%", "mcadams", "semi-informed", *place, "utt", training="scratch")
          for place, value in zip(lists, eers["anon"], strict=True)),
        wer("original", "libri_dev", 100000, 0, 0, 1807),
        wer("mcadams", "libri_dev", 100000, 0, 0, 10482),
        wer("original", "libri_test", 100000, 0, 0, 1844),
        wer("mcadams", "libri_test", 100000, 0, 0, 9994),
    ]  # fmt: skip
    assert challenge.result_for_rank(records, "mcadams", {}, when="28-03-24_19:00", dataset="x") == (
        "---- Time: 28-03-24_19:00 ----\n"
        "\n"
        "---- SER results ----\n"
        "   dataset split       ser      UAR  ACC_sad  ACC_neu  ACC_ang  ACC_hap\n"
        "                               mean     mean     mean     mean     mean\n"
        "0  IEMOCAP   dev      anon  55.6146  32.9580  57.9720  64.4438  67.0860\n"
        "1  IEMOCAP   dev  original  69.0796  63.6292  65.9652  79.7770  66.9476\n"
        "2  IEMOCAP  test      anon  53.4914  32.7760  66.2338  56.9720  57.9826\n"
        "3  IEMOCAP  test  original  71.0618  72.5706  71.6618  72.8246  67.1912\n"
        "\n"
        "---- ASV_eval results ----\n"
        "  dataset split gender enrollment     trial     EER\n"
        "0   libri   dev      f   original  original  10.511\n"
        "3   libri   dev      m   original  original   0.931\n"
        "6   libri  test      f   original  original   8.761\n"
        "9   libri  test      m   original  original   0.418\n"
        "\n"
        "---- ASR results ----\n"
        "  dataset split       asr     WER\n"
        "0   libri   dev  original   1.807\n"
        "2   libri   dev      anon  10.482\n"
        "1   libri  test  original   1.844\n"
        "3   libri  test      anon   9.994\n"
        "\n"
        "---- Time: 28-03-24_19:00 ----\n"
        "\n"
        "---- ASV_eval^anon results ----\n"
        "   dataset split gender enrollment trial     EER\n"
        "2    libri   dev      f       anon  anon  12.910\n"
        "5    libri   dev      m       anon  anon   2.045\n"
        "8    libri  test      f       anon  anon   7.483\n"
        "11   libri  test      m       anon  anon   1.557\n"
    )
    alone = challenge.result_for_rank(records[:0], "mcadams", {}, when="28-03-24_19:00", dataset="x")
    assert alone == "---- Time: 28-03-24_19:00 ----\n\n---- Time: 28-03-24_19:00 ----\n"

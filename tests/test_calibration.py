"""Calibration on a known posterior: exact samples pass, and each fault shows as it should."""

import dataclasses
import json
from types import SimpleNamespace

import numpy as np
import pytest
from test_evaluate import study

from qfp.config import load_preset
from qfp.data import dataset, fresh
from qfp.decoding import decode, metrics, positions
from qfp.physics import geometry
from qfp.studies import frame, scoring
from qfp.studies.calibration import calibration, forecasts, panels, recalibrate, sbc, text, toys
from qfp.tools import SettingsError

N, S = 800, 31
CONFIG = load_preset("smoke", sampling={"steps": 2})
DEVICE = CONFIG.device


@pytest.fixture(scope="module", autouse=True)
def fewer():
    """Fewer simulated histograms than a result has."""
    patch = pytest.MonkeyPatch()
    patch.setattr(sbc, "SIMULATIONS", 999)
    yield
    patch.undo()


def toy(name, number=N):
    return sbc.toy(number, S, 1, *sbc.TOYS[name])


def ranked(name):
    """Histograms of the ranks of all curves and of those that differ, and the test of what lies
    outside."""
    case = toys.case(name, N, 1)
    return case["histogram"], case["differing"], case["outside"]


# --- ranks


def test_ranks_count_what_is_below_and_break_ties_at_random():
    samples = np.array([[1, 2, 3], [5, 5, 5], [2, 2, 9]])[..., None]
    truth = np.array([[0], [5], [2]])
    ranks = [
        sbc.ranks(samples, truth, np.full((3, 1), u))[:, 0].tolist() for u in (0.0, 0.6, 0.999)
    ]
    assert ranks == [[0, 0, 0], [0, 2, 1], [0, 3, 2]]
    assert sbc.differing(samples, truth)[:, 0].tolist() == [True, False, True]
    beyond, chance = sbc.outside(samples, truth)
    assert beyond[:, 0].tolist() == [True, False, False]
    assert chance[:, 0].tolist() == [2 / 4, 0, 1 / 4], "0 and 3 are alone at an end; none; 9"


def test_ties_are_a_pure_function_of_the_curve():
    rows = np.array([[0, 7], [3, 7], [0, 8]])
    every = sbc.tie_breakers(rows, 3, 5)
    np.testing.assert_array_equal(sbc.tie_breakers(rows[1:2], 3, 5)[0], every[1])
    assert len(np.unique(every)) == 9 and (sbc.tie_breakers(rows, 3, 6) != every).all()


def test_exact_samples_pass():
    every, some, outside = ranked("calibrated")
    for histogram in (every, some):
        result = sbc.uniformity(histogram)
        assert result["chi_square_p"] > 0.05 and result["ecdf_p"] > 0.05
        low, high = sbc.bands(histogram.sum(), S + 1)[1]
        assert (
            (sbc.ecdf_difference(histogram) >= low) & (sbc.ecdf_difference(histogram) <= high)
        ).all()
    assert 0 < some.sum() < every.sum() == N
    assert (
        outside["p"] > 0.05
        and outside["share_interval"][0] < outside["expected"] < outside["share_interval"][1]
    )


@pytest.mark.parametrize("name", ["overconfident", "underconfident", "biased"])
def test_each_fault_shows_in_the_ranks(name):
    every, some, outside = ranked(name)
    # calibrated: 1/4, 1/2, 1/4
    low, middle, high = (histogram.sum() / N for histogram in np.array_split(every, [8, 24]))
    if name == "overconfident":
        assert low + high > 0.55 and min(low, high) > 0.25, "U"
        assert outside["share"] > 3 * outside["expected"]
    elif name == "underconfident":
        assert low < 0.2 and high < 0.2 and middle > 0.6, "hump"
        assert outside["share"] < outside["expected"]
    else:
        assert low > 0.35 and high < 0.2, "slope: samples too large, so the truth's rank is low"
    for histogram in (every, some):
        result = sbc.uniformity(histogram)
        assert result["chi_square_p"] < 0.01 and result["ecdf_p"] < 0.01
        low, high = sbc.bands(histogram.sum(), S + 1)[1]
        assert (
            (sbc.ecdf_difference(histogram) < low) | (sbc.ecdf_difference(histogram) > high)
        ).any()


def test_p_values_and_bands_keep_their_level():
    histograms = np.random.default_rng(3).multinomial(200, np.full(S + 1, 1 / (S + 1)), size=200)
    results = [sbc.uniformity(histogram) for histogram in histograms]
    cells, ecdf = sbc.bands(200, S + 1)
    for name in ("chi_square_p", "ecdf_p"):
        p = np.array([result[name] for result in results])
        assert (p <= 0.05).mean() < 0.1 and 0.35 < np.median(p) < 0.65
    outside = [
        (histogram < cells[0]).any() or (histogram > cells[1]).any() for histogram in histograms
    ]
    assert np.mean(outside) < 0.1
    difference = np.array([sbc.ecdf_difference(histogram) for histogram in histograms])
    assert ((difference < ecdf[0] - 1e-12) | (difference > ecdf[1] + 1e-12)).any(
        axis=1
    ).mean() < 0.1


def test_ranks_of_those_chosen_by_their_samples_alone_are_not_uniform():
    """Why `differing` looks at the truth, too."""
    samples, truth = sbc.toy(6000, 4, 2, step=1.5)
    uniform = np.random.default_rng(0).random((6000, 1))
    found = sbc.ranks(samples[..., None], truth[:, None], uniform)[:, 0]
    fair = sbc.differing(samples[..., None], truth[:, None])[:, 0]
    unfair = (samples != samples[:, :1]).any(axis=1)
    p = [
        sbc.uniformity(np.bincount(found[some], minlength=5))["chi_square_p"]
        for some in (fair, unfair)
    ]
    assert p[0] > 0.01 >= p[1]


def test_coverage_is_an_exact_test():
    chance = np.array([0.0] * 5 + [0.25] * 4)
    result = sbc.coverage(np.array([False] * 5 + [True] * 4), chance)
    assert result["p"] == pytest.approx(2 * 0.25**4) and result["expected"] == pytest.approx(1 / 9)
    assert sbc.coverage(np.zeros(9, bool), 0 * chance)["p"] == 1


# --- reliability


def test_reliability_of_forecasts_that_are_right():
    random = np.random.default_rng(0)
    forecast = np.append(random.random(900), np.ones(50))
    row = forecasts.reliability(forecast, random.random(950) < forecast)
    assert row["overconfidence_interval"][0] < 0 < row["overconfidence_interval"][1]
    assert (
        row["ece"] < 0.06
        and row["brier"] < 0.75 * row["brier_reference"]
        and row["certain_and_wrong"] == 0
    )
    assert (
        row["brier_interval"][0] < 900 / 950 / 6 < row["brier_interval"][1]
        and 0.4 < row["log_score"] < 0.56
    )
    assert sum(part["n"] for part in row["bins"]) == 950 and row["bins"][-1]["n"] == 50
    for part in row["bins"]:
        assert part["right_interval"][0] <= part["forecast"] <= part["right_interval"][1]


def test_scores_by_hand():
    row = forecasts.reliability(np.array([1, 1, 0.5, 0.5]), np.array([True, False, True, True]))
    assert row["overconfidence"] == pytest.approx(0) and row["ece"] == pytest.approx((1 + 1) / 4)
    assert row["brier"] == pytest.approx((0 + 1 + 0.25 + 0.25) / 4)
    assert row["certain_and_wrong"] == 1 and row["log_score"] is None
    with_empty = [part["n"] for part in row["bins"]]
    assert with_empty == [0, 0, 2, 0, 0, 2] and "forecast" not in row["bins"][0]


def test_candidates_are_all_answers():
    samples = np.array([[3, 3, 4], [1, 2, 1]])
    share, right, curve = forecasts.candidates(samples, np.array([4, 5]))
    np.testing.assert_allclose(share, [2 / 3, 1 / 3, 2 / 3, 1 / 3])
    assert right.tolist() == [False, True, False, False] and curve.tolist() == [0, 0, 1, 1]
    pairs = np.stack([np.stack([samples, samples], -1)] * 2, -1)  # (2, 3, 2, 2)
    np.testing.assert_array_equal(
        forecasts.candidates(pairs, pairs[:, 2])[1], [False, True, True, False]
    )


@pytest.mark.parametrize(
    "name,word",
    [
        ("calibrated", "neither over- nor underconfident"),
        ("overconfident", "overconfident"),
        ("underconfident", "underconfident"),
        ("biased", "overconfident"),
    ],
)
def test_a_further_sample_tells_faults_from_few_samples(name, word):
    assert text.confidence(*toys.case(name, N, 1)["excess_interval"]) == word
    if name == "calibrated":
        samples, _ = toy(name, 4000)
        share, further = forecasts.most_frequent(samples[:, :-1], samples[:, -1])
        assert share.mean() - further.mean() > 0.015, (
            "the largest of a few shares is too large, even of exact samples"
        )


def test_recalibration_mends_what_is_overconfident_and_leaves_the_rest():
    for name in ("overconfident", "calibrated"):
        samples, truth = toy(name, 2 * N)
        share, right = forecasts.most_frequent(samples, truth)
        a, b = recalibrate.fit(share[:N], right[:N], S)
        row = recalibrate.recalibration(share[N:], right[N:], S, a, b)
        low, high = row["brier_gain_interval"]
        assert (
            low > 0.01 and row["ece_gain_interval"][0] > 0.05
            if name == "overconfident"
            else -0.005 < low < high < 0.005
        )
        assert row["after"]["log_score"] is not None and row["after"]["ece"] < 0.08
    assert recalibrate.shrunk(1.0, 31, 0.0, 1.0) == pytest.approx(31 / 32)


def test_fit_finds_the_map():
    random = np.random.default_rng(1)
    share = random.integers(0, 32, 20000) / 31
    a, b = recalibrate.fit(
        share, random.random(20000) < recalibrate.shrunk(share, 31, 2.0, 5.0), 31
    )
    assert a == pytest.approx(2, rel=0.2) and b == pytest.approx(5, rel=0.2)
    a, b = recalibrate.fit(np.ones(50), np.ones(50, bool), 31)  # never wrong
    assert recalibrate.shrunk(1.0, 31, a, b) > 0.99


# --- the command


@pytest.fixture
def world(monkeypatch, tmp_path):
    """A decoder whose images, one in four of another configuration, say which; weights that belong
    to it."""
    chosen = np.random.default_rng(0).choice(16170, 200, replace=False)
    orbits, antidots = (values[chosen] for values in geometry.configurations(DEVICE))
    curves = np.broadcast_to(np.arange(400.0).reshape(2, 200, 1), (2, 200, 64))
    pairs = dataset.Pairs(
        antidots,
        orbits,
        np.empty((2, 0)),
        DEVICE.fields,
        curves,
        np.empty((2, 0)),
        DEVICE,
        "d" * 64,
    )
    drawn = []

    def draw(decoder, G, seeds, steps, sampler, gamma):
        drawn.append(np.shape(seeds))
        n = np.repeat(G[:, :1].astype(int) % 200, np.shape(seeds)[1], axis=1)
        n = np.where(np.array(seeds, np.uint64) % np.uint64(4) == 0, (n + 1) % 200, n)
        return (1 - geometry.removed_masks(antidots[n.ravel()], DEVICE)).reshape(*n.shape, 60, 50)

    own = dataclasses.replace(CONFIG, training=dataclasses.replace(CONFIG.training, split="config"))
    meta = {"data": pairs.sha256, "config": {"some": "settings"}}
    decoder = SimpleNamespace(config=own, meta=meta)
    monkeypatch.setattr(frame, "load_decoder", lambda name: decoder)
    monkeypatch.setattr(frame, "weights_hash", lambda name: "e" * 64)
    monkeypatch.setattr(dataset, "load", lambda path, images: pairs)
    monkeypatch.setattr(decode, "draw", draw)
    monkeypatch.setattr(calibration, "SAMPLES", 7)
    monkeypatch.setattr(calibration, "DEV_CURVES", 12)
    monkeypatch.setattr(frame, "project_root", lambda: tmp_path)
    return pairs, drawn, tmp_path


def run(world, config=CONFIG, **options):
    return study(calibration.STUDY, world, config, **{"curves": 30, **options})


def test_the_result(world):
    lines = []
    result = run(world, report=lines.append)
    assert result == json.loads((world[2] / "results" / "calibration.json").read_text())
    assert list((world[2] / "runs").iterdir()) == [], "blocks are removed in the end"
    assert (result["curves"], result["dev_curves"], result["samples"]) == (30, 12, 7) and result[
        "config_sha256"
    ]
    row = result["reliability"]["exact"]
    assert row["n"] == 30 and 0.6 < row["forecast"] < 0.9 and row["right"] > 0.8, (
        "three in four samples are right"
    )
    assert result["reliability"]["candidates"]["n"] > 30 and result["named"]["share"] == 1
    assert set(result["sbc"]) == {*sbc.COORDINATES, "tests", "smallest_p", "smallest_p_bonferroni"}
    for name in sbc.COORDINATES:
        parts = result["sbc"][name]
        assert (
            sum(parts["all"]["histogram"])
            == 30
            >= sum(parts["differing"]["histogram"])
            == parts["differing"]["n"]
            > 10
        )
        assert len(parts["all"]["histogram"]) == 8 and parts["outside"]["n"] == 30
    assert result["sbc"]["tests"] == 15
    assert lines[-2] == "\n".join(text.verdicts(result)) and "of 7 samples agree" in lines[-2]


def test_under_fresh_potentials_curves_are_simulated_and_noise_is_the_rows(world, monkeypatch):
    """Each curve under the potential of its own seed; the samples' noise is of (seed, number)."""
    asked = []

    def simulated(device, antidots, seeds, folder):
        asked.append((antidots, seeds))
        own = [np.flatnonzero((world[0].antidots == pair).all(axis=(1, 2)))[0] for pair in antidots]
        return np.repeat(np.array(own, float)[:, None], 64, axis=1), None

    monkeypatch.setattr(fresh, "simulated", simulated)
    monkeypatch.setattr(fresh, "configurations_of", lambda config, part: range(200))
    result = run(world, potentials="fresh")
    assert result["potentials"] == "fresh" and result["curves"] == 30
    assert result["reliability"]["exact"]["right"] > 0.8
    for (antidots, seeds), part in zip(asked, ("dev", "test"), strict=True):
        rows = fresh.rows_of(CONFIG, part, len(seeds))
        np.testing.assert_array_equal(seeds, fresh.FIRST[part] + np.arange(len(seeds)))
        np.testing.assert_array_equal(antidots, world[0].antidots[rows[:, 1]])


def test_an_interrupted_run_resumes_and_keeps_no_images(world, monkeypatch):
    whole, drawn = run(world), list(world[1])
    assert drawn == [(12, 7), (20, 7), (10, 7)]

    def interrupted(*arguments):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(calibration, "rank_statistics", interrupted)
        run(world)
    kept = sorted(path for path in (world[2] / "runs").rglob("*.npy"))
    assert {np.load(path).shape[1:] for path in kept} == {(7, 2, 2)}
    kept[-1].unlink()
    world[1].clear()
    assert run(world) == whole and world[1] == [(10, 7)]


def test_what_has_no_meaning_is_refused(world):
    stretched = dataclasses.replace(
        CONFIG, sampling=dataclasses.replace(CONFIG.sampling, gamma=1.5)
    )
    with pytest.raises(SettingsError, match="sampling.gamma 1.5: must be 1"):
        run(world, stretched)
    with pytest.raises(SettingsError, match="--curves 0: must be 1 or more"):
        run(world, curves=0)
    with pytest.raises(SettingsError, match="--potentials new: must be one of known, fresh"):
        run(world, potentials="new")
    assert world[1] == [] and not (world[2] / "results").exists()


def test_agreement_is_what_decode_says(world):
    rng = np.random.default_rng(0)
    antidots = geometry.configurations(DEVICE)[1][rng.integers(100, 110, (6, 5))]
    truth = antidots[:, 0]
    images = (1.0 - geometry.removed_masks(antidots.reshape(-1, 2, 2), DEVICE)).reshape(
        6, 5, 60, 50
    )
    decoded = decode.conclude(images, DEVICE)
    np.testing.assert_array_equal(positions.positions(images, DEVICE), antidots)
    found = scoring.agreement(DEVICE, antidots, truth)
    np.testing.assert_array_equal(found["within_1"][0], decoded.probability)
    np.testing.assert_array_equal(
        found["exact"][1], metrics.within(decoded.consensus, truth, DEVICE) == 0
    )


def test_what_a_page_shows(world):
    result = run(world)
    assert (
        text.scores_table(result)
        .splitlines()[-1]
        .endswith(f"of {result['reliability']['candidates']['n']} |")
    )
    better = recalibrate.shrunk(1, 7, *(result["recalibration"]["exact"][k] for k in "ab"))
    assert text.mended_table(result).splitlines()[2].startswith(f"| 100% | {better:.1%} |")
    assert text.last_verdicts(result).count("Verdict for") == 2 + 3
    drawn = panels.reliability(result)
    assert [len(bins) for bins in drawn.values()] == [2, 2, 1], "no further sample of a candidate"
    histogram, band, curves = panels.ranks(result)["$x_1$"]
    number, difference, limits = curves["all curves"]
    assert histogram.sum() == number == 30 and band.shape == (2, 8) and limits.shape == (2, 7)
    np.testing.assert_allclose(difference, sbc.ecdf_difference(histogram))


def test_the_faults_of_the_page_are_seen():
    cases = toys.cases(1)
    toys.check_cases(cases)
    assert "calibrated: neither over- nor underconfident; ranks look uniform" in toys.cases_text(
        cases
    )
    with pytest.raises(AssertionError):
        toys.check_cases({**cases, "biased": cases["calibrated"]})

import numpy as np
import pytest

from backend.training.calibrate import JudgedRegion, expected_calibration_error, fit_scoring


def regions(count: int, *, right_when: float, label: str = "total", seed: int = 0) -> list[JudgedRegion]:
    """Regions whose share of right ones is their score to the power of `right_when`: over 1 is too sure a model."""
    random = np.random.default_rng(seed)
    scores = random.uniform(0.3, 1, count)
    return [JudgedRegion(label, float(score), bool(random.random() < score**right_when)) for score in scores]


def trusted(judged: list[JudgedRegion], learnt: list[JudgedRegion]) -> list[JudgedRegion]:
    scoring = fit_scoring(learnt, 0)
    return [JudgedRegion(one.label, scoring.trusted(one.score), one.right) for one in judged]


def test_too_sure_a_model_is_trusted_less() -> None:
    fresh = regions(2000, right_when=3, seed=1)
    after = trusted(fresh, regions(200, right_when=3))
    assert expected_calibration_error(fresh) > 0.15
    assert expected_calibration_error(after) < 0.06


def test_a_few_regions_change_little() -> None:
    scoring = fit_scoring([JudgedRegion("total", 0.9, False)], 0)
    assert 0.3 < scoring.trusted(0.9) < 0.9
    assert fit_scoring([], 0.5).trusted(0.7) == pytest.approx(0.7)


def test_surer_stays_surer() -> None:
    backwards = [JudgedRegion("total", score, score < 0.5) for score in np.linspace(0.05, 0.95, 50)]
    scoring = fit_scoring(backwards, 0)
    assert scoring.trusted(0.2) < scoring.trusted(0.8)


def test_threshold_keeps_the_stated_precision() -> None:
    judged = [*regions(300, right_when=4, label="total"), *regions(300, right_when=0.1, label="date")]
    scoring = fit_scoring(judged, 0.5)
    assert set(scoring.thresholds) == {"total"}
    kept = [
        one.right
        for one in judged
        if one.label == "total" and scoring.trusted(one.score) >= scoring.thresholds["total"]
    ]
    assert 0.5 <= np.mean(kept) < 0.6


def test_few_regions_and_no_stated_precision_give_no_threshold() -> None:
    assert fit_scoring(regions(10, right_when=9), 0.9).thresholds == {}
    assert fit_scoring(regions(300, right_when=9), 0.0).thresholds == {}


def test_a_label_that_is_never_right_is_not_proposed_below_its_surest() -> None:
    wrong = [JudgedRegion("total", score, False) for score in np.linspace(0.1, 0.9, 30)]
    scoring = fit_scoring(wrong, 0.5)
    assert scoring.thresholds["total"] >= scoring.trusted(0.9) - 1e-3


def test_calibration_error_of_known_bins() -> None:
    judged = [JudgedRegion("a", 0.95, right) for right in (True, False)] + [JudgedRegion("a", 0.25, False)]
    assert expected_calibration_error(judged) == pytest.approx((0.9 + 0.25) / 3)
    assert expected_calibration_error([]) == 0

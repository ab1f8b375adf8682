"""The gate: floors, the first model, superiority that is more than chance, and costs."""

from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from lakehouse.risk.checks import FloatArray, InsufficientHistory, InvalidParameter
from ml.evaluation.gate import Floor, FrozenSet, GateError, Scores, Verdict, judge
from ml.evaluation.gate_tests import block_bootstrap, diebold_mariano
from ml.evaluation.walk_forward import last_folds

FROZEN = FrozenSet(table="gold.returns_daily_v1", delta_version=4, first=date(2022, 1, 3), last=date(2022, 12, 28))
FLOORS = (Floor(metric="beats_naive", at_least=1, why="out of sample"), Floor(metric="below_01", at_most=0.02))
GOOD = {"beats_naive": 1.0, "below_01": 0.01}
NOISE = np.random.default_rng(5).normal(size=(2, 400))


def scores(losses: FloatArray, *, payoff: float = 0.0, **metrics: float) -> Scores:
    """Scores with the same payoff each day."""
    return Scores(losses=losses, payoffs=np.full(len(losses), payoff), metrics={**GOOD, **metrics})


def judged(ours: Scores, theirs: Scores | None) -> Verdict:
    """The verdict against version 7, or against nothing."""
    return judge(ours, theirs, floors=FLOORS, frozen=FROZEN, champion_version=None if theirs is None else 7, seed=1)


class TestGate:
    def test_the_first_model_needs_the_floors_only(self) -> None:
        found = judged(scores(NOISE[0]), None)
        assert found.accepted
        assert found.champion_version is None
        assert "no champion yet" in found.reasons[-1]

    @pytest.mark.parametrize(
        ("metrics", "word"),
        [
            ({"beats_naive": 0.0}, "beats_naive is 0, below the floor of 1"),
            ({"below_01": 0.03}, "below_01 is 0.03, above the limit of 0.02"),
            ({"below_01": float("nan")}, "below_01 is not known"),
        ],
    )
    def test_a_floor_that_is_not_kept_refuses(self, metrics: dict[str, float], word: str) -> None:
        for champion in (None, scores(NOISE[0] + 5)):
            found = judged(scores(NOISE[0], **metrics), champion)
            assert not found.accepted
            assert word in found.reasons[0]

    def test_a_clearly_better_model_is_accepted_in_words(self) -> None:
        found = judged(scores(1 + 0.1 * NOISE[0]), scores(1.2 + 0.1 * NOISE[1]))
        assert found.accepted
        assert "better than version 7" in found.reasons[-1]
        assert "gold.returns_daily_v1 at version 4, 2022-01-03 to 2022-12-28" in found.reasons[-1]
        assert found.numbers["loss_gain"] == pytest.approx(0.2, abs=0.02)

    def test_a_gain_that_may_be_chance_is_not_enough(self) -> None:
        theirs = 1 + NOISE[1]
        found = judged(scores(theirs - 0.01 + 0.5 * (NOISE[0] - NOISE[0].mean())), scores(theirs))
        assert not found.accepted
        assert "may be chance: Diebold-Mariano says p = " in " ".join(found.reasons)

    def test_a_worse_and_an_equal_model_are_refused(self) -> None:
        for ours in (NOISE[0] + 1, NOISE[0]):
            found = judged(scores(ours), scores(NOISE[0]))
            assert not found.accepted
            assert "not below the champion's" in found.reasons[-1]

    def test_better_forecasts_that_cost_more_are_refused(self) -> None:
        found = judged(scores(1 + 0.1 * NOISE[0], payoff=-0.5), scores(2 + 0.1 * NOISE[1]))
        assert not found.accepted
        assert found.reasons[-1] == "after costs it earns 0.5 a day less than the champion"

    @pytest.mark.parametrize(("gain", "is_one"), [(4e-18, False), (0.99e-9, False), (1.01e-9, True), (1e-3, True)])
    def test_a_gain_counts_from_one_in_a_thousand_million_of_the_losses(self, gain: float, *, is_one: bool) -> None:
        """Each day's gain is nearly the same, so that any is significant: only its size tells dust from skill."""
        theirs = 1 + 0.1 * (NOISE[0] - NOISE[0].mean())
        ours = theirs - gain * (1 + 0.01 * NOISE[1])
        found = judged(scores(ours), scores(theirs))
        assert found.accepted is is_one, found
        if not is_one:
            assert "is not below the champion's" in found.reasons[-1]

    def test_the_same_model_summed_in_another_order_is_no_better(self) -> None:
        parts = np.abs(NOISE[0])[:, None] * np.array([0.1, 0.2, 0.3])
        there, back = ((parts[:, order] @ np.ones(3)) for order in ([0, 1, 2], [2, 1, 0]))
        for ours, theirs in ((there, back), (back, there), (there - 4e-18, there)):
            assert not judged(scores(ours), scores(theirs)).accepted

    def test_dust_of_costs_does_not_refuse_a_better_model(self) -> None:
        better, theirs = scores(1 + 0.1 * NOISE[0], payoff=0.1 + 0.2), scores(2 + 0.1 * NOISE[1], payoff=0.3)
        for ours, other in ((better, theirs), (replace(better, payoffs=theirs.payoffs - 1e-16), theirs)):
            assert judged(ours, other).accepted
        assert not judged(replace(better, payoffs=theirs.payoffs * (1 - 1e-8)), theirs).accepted

    def test_other_days_cannot_be_compared(self) -> None:
        with pytest.raises(GateError, match="same days"):
            judged(scores(NOISE[0]), scores(NOISE[1][:-1]))
        with pytest.raises(GateError, match="version"):
            judge(scores(NOISE[0]), scores(NOISE[1]), floors=FLOORS, frozen=FROZEN, seed=1)


class TestSuperiority:
    def test_white_noise_gives_students_t_in_the_limit(self) -> None:
        """Without autocorrelation the statistic is close to the t statistic of the mean."""
        found = diebold_mariano(NOISE[0] - 0.1, np.zeros(400))
        gains = -(NOISE[0] - 0.1)
        plain = gains.mean() / gains.std(ddof=1) * np.sqrt(400)
        assert found.statistic == pytest.approx(plain, rel=0.25)
        assert found.gain == pytest.approx(gains.mean())

    def test_it_is_the_textbook_formula(self) -> None:
        """Newey-West by hand: T = 20 has floor(4 (20 / 100)^(2/9)) = 2 lags."""
        gains = np.sin(np.arange(20.0)) + 0.5
        centred = gains - gains.mean()
        covariance = [float(centred[lag:] @ centred[: 20 - lag]) / 20 for lag in range(3)]
        variance = covariance[0] + 2 * (2 / 3 * covariance[1] + 1 / 3 * covariance[2])
        expected = gains.mean() / np.sqrt(variance / 20) * np.sqrt(19 / 20)
        assert diebold_mariano(np.zeros(20), gains).statistic == pytest.approx(expected)

    def test_size_holds_under_autocorrelation(self) -> None:
        """Of 300 pairs that are equally good, with moving-average errors, about one in twenty is called better."""
        generator = np.random.default_rng(11)
        shocks = generator.normal(size=(300, 253))
        gains = shocks[:, 2:] + 0.7 * shocks[:, 1:-1] + 0.4 * shocks[:, :-2]
        rejected = sum(diebold_mariano(np.zeros(251), each).p_value < 0.05 for each in gains)
        resampled = sum(block_bootstrap(np.zeros(251), each, seed=1, draws=200).p_value < 0.05 for each in gains[:100])
        assert 5 <= rejected <= 33
        assert resampled <= 14

    def test_both_see_a_real_gain_and_neither_sees_one_in_nothing(self) -> None:
        for better in (
            diebold_mariano(NOISE[0], NOISE[0] + 0.5 + 0.1 * NOISE[1]),
            block_bootstrap(NOISE[0], NOISE[0] + 0.5 + 0.1 * NOISE[1], seed=3),
        ):
            assert better.p_value < 0.001
        assert diebold_mariano(NOISE[0], NOISE[0]).p_value == 1.0
        assert block_bootstrap(NOISE[0], NOISE[0], seed=3).p_value == 1.0

    def test_the_bootstrap_follows_its_seed(self) -> None:
        again = [block_bootstrap(NOISE[0], NOISE[1], seed=9) for _ in range(2)]
        assert again[0] == again[1]

    def test_too_few_days_and_other_days_are_refused(self) -> None:
        with pytest.raises(InsufficientHistory):
            diebold_mariano(NOISE[0][:19], NOISE[1][:19])
        with pytest.raises(InvalidParameter):
            diebold_mariano(NOISE[0], NOISE[1][:-1])


def test_folds_end_with_the_newest_day_and_keep_their_distance() -> None:
    folds = last_folds(1000, folds=3, test=100, embargo=5)
    assert [(int(each.test[0]), int(each.test[-1])) for each in folds] == [(700, 799), (800, 899), (900, 999)]
    assert all(int(each.train[0]) == 0 and int(each.train[-1]) == int(each.test[0]) - 7 for each in folds)
    with pytest.raises(InvalidParameter, match="leave 94 to train"):
        last_folds(400, folds=3, test=100, embargo=5, least_train=200)

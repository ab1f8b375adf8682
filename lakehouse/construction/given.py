"""skfolio's view of a market whose moments were estimated already. Heavy: imports skfolio."""

from skfolio.prior import BasePrior, ReturnDistribution

from lakehouse.construction.model import SCALE, Market
from lakehouse.risk.checks import FloatArray


class GivenMoments(BasePrior):
    """Takes mean (N,) and covariance (N, N) as they are handed in, in the unit of the returns it is fitted with."""

    def __init__(self, mean: FloatArray | None = None, covariance: FloatArray | None = None) -> None:
        self.mean, self.covariance = mean, covariance

    def fit(self, X: FloatArray, y: object = None, **_: object) -> "GivenMoments":
        """Keep the moments beside the returns `X` (T, N)."""
        self.return_distribution_ = ReturnDistribution(mu=self.mean, covariance=self.covariance, returns=X)
        return self


def scaled(market: Market) -> GivenMoments:
    """The moments of `market` in percent, as every solver here sees them."""
    return GivenMoments(market.mean * SCALE, market.covariance * SCALE**2)

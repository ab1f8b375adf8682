"""Payments of bonds discounted on a zero curve: price, the spread that explains a market price, and rate risk."""

from dataclasses import dataclass

import numpy as np

from lakehouse.pricing.bond_terms import BASIS_POINT, Flows
from lakehouse.pricing.checks import FloatArray, InvalidInput, PricingError
from lakehouse.pricing.curve import ZeroCurve

ITERATIONS = 100
WIDEST_SPREAD = 20.0


class NoSpread(PricingError):
    """No spread over a curve gives a price. Carries `dirty`."""

    def __init__(self, dirty: float) -> None:
        self.dirty = dirty
        super().__init__(f"no spread within {WIDEST_SPREAD:g} gives the dirty price {dirty!r}: check its unit")


@dataclass(frozen=True, slots=True)
class Discounted:
    """Payments on a curve plus a constant `spread` (continuous, 0.01 is 100 basis points), per 100 of face.

    `dirty` present value; `modified_years` -dP/dz / P for a parallel move of all zero rates; `convexity` d2P/dz2 / P;
    `dv01` -dP/dz x 0.0001, positive where a rise of rates loses; `key_rate_dv01` (M,) the same for each node of the
    curve alone, which sum to dv01.
    """

    dirty: float
    modified_years: float
    convexity: float
    dv01: float
    key_rate_dv01: FloatArray


def discount(flows: Flows, curve: ZeroCurve, *, spread: float = 0.0) -> Discounted:
    """Present value and rate risk of payments. Raises InvalidInput if there is none left, or none of any worth."""
    values = _present(flows, curve, spread)
    dirty = float(values.sum())
    if dirty <= 0:
        raise InvalidInput("amounts", len(flows.amounts), (), "payments to come must have a worth")
    weighted = values * flows.years
    left, share = curve.place(flows.years)
    right = np.minimum(left + 1, len(curve.years) - 1)
    nodes = np.zeros(len(curve.years))
    np.add.at(nodes, left, weighted * (1.0 - share))
    np.add.at(nodes, right, weighted * share)
    return Discounted(
        dirty=dirty,
        modified_years=float(weighted.sum()) / dirty,
        convexity=float((weighted * flows.years).sum()) / dirty,
        dv01=float(weighted.sum()) * BASIS_POINT,
        key_rate_dv01=nodes * BASIS_POINT,
    )


def spread_from_price(flows: Flows, curve: ZeroCurve, dirty: float) -> float:
    """The constant spread over `curve` at which the payments are worth `dirty` (the z-spread, continuous).

    Newton's steps on the logarithm of the price, which falls and is convex in the spread.
    Raises NoSpread, InvalidInput.
    """
    if not 0.0 < dirty < float("inf"):
        raise NoSpread(dirty)
    discount(flows, curve)
    spread = 0.0
    for _ in range(ITERATIONS):
        values = _present(flows, curve, spread)
        price = float(values.sum())
        step = (np.log(price / dirty)) * price / float((values * flows.years).sum())
        spread += float(np.clip(step, -1.0, 1.0))
        if abs(spread) > WIDEST_SPREAD:
            raise NoSpread(dirty)
        if abs(step) <= 1e-15 + 1e-14 * abs(spread):
            return spread
    return spread


def _present(flows: Flows, curve: ZeroCurve, spread: float) -> FloatArray:
    values: FloatArray = flows.amounts * curve.discounts(flows.years) * np.exp(-spread * flows.years)
    return values

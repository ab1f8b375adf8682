"""Payments of bonds discounted on a zero curve: price, the spread that explains a market price, and rate risk."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from lakehouse.pricing.bond_terms import BASIS_POINT, Flows, Payment
from lakehouse.pricing.checks import BoolArray, FloatArray, InvalidInput, PricingError, refuse
from lakehouse.pricing.curve import ZeroCurve
from lakehouse.pricing.options import DAYS_IN_YEAR

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
    discount(flows, curve)
    return float(_spreads(_present(flows, curve, 0.0)[None, :], flows.years[None, :], np.array([dirty]))[0])


def yields_from_prices(payments: Sequence[Payment], dirty: FloatArray, *, days: Sequence[date]) -> FloatArray:
    """The yields (D,) at which the payments after each of `days` were worth `dirty` (D,): `spread_from_price` over a
    curve of zero, of all days at once. Continuous, actual days over 365. Raises NoSpread, InvalidInput."""
    due = np.array([payment.on for payment in payments], dtype="datetime64[D]")
    years = (due[None, :] - np.array(days, dtype="datetime64[D]")[:, None]).astype(np.float64) / DAYS_IN_YEAR
    amounts = np.where(years > 0.0, np.array([payment.amount for payment in payments]), 0.0)
    is_paid: BoolArray = np.asarray((amounts > 0.0).any(axis=1))
    refuse("days", ~is_paid, "must have a payment of some worth after them")
    return _spreads(amounts, np.maximum(years, 0.0), dirty)


def _spreads(values: FloatArray, years: FloatArray, dirty: FloatArray) -> FloatArray:
    """For each row of payments, worth `values` (D, C) without a spread, that which makes their sum `dirty` (D,)."""
    refused = ~((dirty > 0.0) & np.isfinite(dirty))
    spread = np.zeros(len(dirty))
    for _ in range(ITERATIONS):
        if refused.any():
            raise NoSpread(float(dirty[refused][0]))
        now = values * np.exp(-spread[:, None] * years)
        price = now.sum(axis=1)
        step = np.log(price / dirty) * price / (now * years).sum(axis=1)
        spread += np.clip(step, -1.0, 1.0)
        refused = np.abs(spread) > WIDEST_SPREAD
        if (np.abs(step) <= 1e-15 + 1e-14 * np.abs(spread)).all():
            return spread
    return spread


def _present(flows: Flows, curve: ZeroCurve, spread: float) -> FloatArray:
    values: FloatArray = flows.amounts * curve.discounts(flows.years) * np.exp(-spread * flows.years)
    return values

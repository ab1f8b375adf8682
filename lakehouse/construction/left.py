"""What a proposal leaves out, in sentences: what open orders sell and buy, limits that its trades do not reach."""

from collections.abc import Mapping, Sequence
from decimal import ROUND_HALF_EVEN, Decimal

import numpy as np

from lakehouse.construction.limits import TOLERANCE, Limits
from lakehouse.construction.lots import Basket
from lakehouse.risk.checks import FloatArray


def kept_for_orders(basket: Basket, symbols: Sequence[str], lots: Sequence[int]) -> list[str]:
    """A sentence for each instrument of which open orders keep units: how many, and how many more would be sold; of a
    short how many they buy back."""
    return [
        _kept(basket, symbols[place], place, lots[place])
        for place, kept in enumerate(basket.kept)
        if kept > 0 and basket.held[place] != 0
    ]


def through_zero(basket: Basket, symbols: Sequence[str]) -> list[str]:
    """A sentence that names what is wanted on the other side of zero: an order closes a position or opens one."""
    wanted = zip(symbols, basket.held, basket.wanted, strict=True)
    named = [symbol for symbol, held, want in wanted if held * want < 0]
    return [f"first closed, and opened the other way by a later proposal: {', '.join(named)}"] if named else []


def bought_by_orders(coming: Mapping[str, Decimal]) -> list[str]:
    """A sentence for each instrument that open orders may buy: its units by symbol."""
    return [
        f"{symbol}: open orders may buy {_digits(units)} units, which are not counted as held"
        for symbol, units in sorted(coming.items())
    ]


def beyond(limits: Limits, symbols: Sequence[str], after: FloatArray, one_lot: FloatArray) -> list[str]:
    """One sentence that names the limits beyond which the weights `after` (N,) the trades still lie, by more than
    whole lots explain; none where there are none. `one_lot` (N,) is the weight of a lot."""
    upper = np.array(limits.upper)
    over = np.flatnonzero(after > upper + np.where(upper > 0, one_lot, 0.0)).tolist()
    found = [f"{symbols[i]} at {after[i]:.1%} ({upper[i]:.1%} at most)" for i in over]
    lower = np.array(limits.lower)
    under = np.flatnonzero(after < lower - one_lot).tolist()
    found += [f"{symbols[i]} at {after[i]:.1%} ({lower[i]:.1%} at least)" for i in under]
    gross = float(np.abs(after).sum())
    if limits.max_gross is not None and gross > limits.max_gross + TOLERANCE:
        found.append(f"gross exposure at {gross:.1%} ({limits.max_gross:.1%} at most)")
    for group in limits.groups:
        members = list(group.members)
        held, room = float(after[members].sum()), float(one_lot[members].sum())
        if held > group.upper + room:
            found.append(f"{group.name} at {held:.1%} ({group.upper:.1%} at most)")
        if held < group.lower - room:
            found.append(f"{group.name} at {held:.1%} ({group.lower:.1%} at least)")
    names = int((after != 0).sum())
    if limits.cardinality is not None and names > limits.cardinality:
        found.append(f"{names} names ({limits.cardinality} at most)")
    return [f"still beyond a limit after these trades: {', '.join(found)}"] if found else []


def _kept(basket: Basket, symbol: str, place: int, lots: int) -> str:
    held, kept = basket.held[place], basket.kept[place]
    if held < 0:
        return f"{symbol}: open orders already buy back {_digits(kept)} of {_digits(-held)} units that are sold short"
    told = f"{symbol}: open orders keep {_digits(kept)} of {_digits(held)} units, which are left out of what is sold"
    surplus = (held * basket.prices[place] - basket.wanted[place]) / (basket.prices[place] * basket.lot_size)
    missed = (int(surplus.quantize(Decimal(1), ROUND_HALF_EVEN)) + lots) * basket.lot_size
    return f"{told}; without them {min(missed, int(kept))} more would be" if min(missed, int(kept)) > 0 else told


def _digits(units: Decimal) -> str:
    return f"{units.normalize():f}"

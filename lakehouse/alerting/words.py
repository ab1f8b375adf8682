"""What happened, for people: one sentence for each kind of rule, without a name of the reader's own."""

from typing import Final

from lakehouse.alerting.rules import OF_PORTFOLIO, Crossing, Kind, Rule

_TEXTS: Final = {
    Kind.STOP_LOSS: "{symbol} at {value} has reached the stop-loss of {bound}",
    Kind.TAKE_PROFIT: "{symbol} at {value} has reached the take-profit of {bound}",
    Kind.TRAILING_STOP: "{symbol} at {value} has reached the trailing stop, now at {bound}",
    Kind.PRICE_ABOVE: "{symbol} at {value} is at or above {bound}",
    Kind.PRICE_BELOW: "{symbol} at {value} is at or below {bound}",
    Kind.DRAWDOWN: "The portfolio is {value} below its highest value; the limit is {bound}",
    Kind.DAILY_LOSS: "The portfolio has lost {value} today; the limit is {bound}",
    Kind.GROSS_EXPOSURE: "The portfolio's gross exposure is {value}; the limit is {bound}",
    Kind.CONCENTRATION: "The portfolio's largest position is {value}; the limit is {bound}",
    Kind.VAR_BATCH: "The portfolio's value at risk of the last batch is {value}; the limit is {bound}",
    Kind.VAR_LIVE: "The portfolio's value at risk is {value}; the limit is {bound}",
    Kind.CROSSED_QUOTE: "{symbol} is quoted with its bid above its ask",
    Kind.STALE_QUOTE: "{symbol} has had no tick for {value} seconds; the limit is {bound}",
}


def message_of(rule: Rule, crossing: Crossing) -> str:
    """The sentence. Amounts are in the portfolio's currency, rounded to hundredths; prices to ten-thousandths."""
    write = _money if rule.kind in OF_PORTFOLIO else _price
    return _TEXTS[rule.kind].format(symbol=rule.symbol, value=write(crossing.value), bound=write(crossing.bound))


def _money(number: float) -> str:
    return f"{number:,.2f}"


def _price(number: float) -> str:
    return f"{number:,.4f}".rstrip("0").rstrip(".")

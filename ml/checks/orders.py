"""Trade surveillance of an order, whoever places it: the account's habits, handed to `surveillance.judge`."""

from lakehouse.clock import Clock
from lakehouse.stores.books.order_rows import Screening
from lakehouse.stores.books.orders import Scene, Screen
from lakehouse.trading.observation import Observation
from lakehouse.trading.order import Order
from ml.checks.champion import Champion
from ml.checks.surveillance import INSUFFICIENT_HISTORY, MIN_HISTORY, UNKNOWN_SCORE, judge
from ml.features.trades import trade_features


def screen_with(digest: bytes, clock: Clock, champion: Champion) -> Screen:
    """What judges an order before it is written; `digest` recognises a retry of it. `champion` judges where it can."""

    def screen(order: Order, scene: Scene) -> Screening:
        market, habits = scene.market, scene.habits
        price = order.limit_price or order.stop_price or market.price
        if price is None:
            return Screening(request_hash=digest, score=UNKNOWN_SCORE, is_alert=False, reason=INSUFFICIENT_HISTORY)
        asked = Observation(
            at=clock.now(),
            notional=float(order.quantity * price * market.multiplier),
            quantity=float(order.quantity),
            price_deviation=0.0 if market.price is None else float(price / market.price - 1),
        )
        model = champion.judge if len(habits) >= MIN_HISTORY else None
        learned = None if model is None else model.one(trade_features(asked, habits))
        verdict = judge(asked, habits, learned)
        return Screening(
            request_hash=digest, score=round(verdict.score, 6), is_alert=verdict.is_alert, reason=verdict.told
        )

    return screen

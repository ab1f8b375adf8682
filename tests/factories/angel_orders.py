"""A server on loopback that speaks Angel One's protocol of orders (SmartAPI: User, Orders, Portfolio)."""

from collections import deque
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from streaming.kit.totp import totp
from tests.factories.broker_servers import Call, Reply

SEED: Final = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
API_KEY, CLIENT, PIN = "ak-secret-1", "C-secret-2", "pin-secret-3"
LOGIN: Final = "/rest/auth/angelbroking/user/v1/loginByPassword"
ORDERS: Final = "/rest/secure/angelbroking/order/v1/"
INDIA: Final = ZoneInfo("Asia/Kolkata")


def good(data: object) -> Reply:
    """An answer that is none of a failure."""
    return Reply({"status": True, "message": "SUCCESS", "errorcode": "", "data": data})


def bad(code: str, message: str, status: int = 200) -> Reply:
    """One that is."""
    return Reply({"status": False, "message": message, "errorcode": code, "data": None}, status)


class AngelServer:
    """Order book and trade book of the day. `faults` are what happens to the next new orders, as at AlpacaServer;
    sessions before number `session` are over."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self.now = now
        self.session = 1
        self.logins = 0
        self.orders: list[dict[str, Any]] = []
        self.trades: list[dict[str, Any]] = []
        self.holdings: list[dict[str, Any]] = []
        self.positions: list[dict[str, Any]] = []
        self.faults: deque[tuple[Reply, bool]] = deque()

    def __call__(self, call: Call) -> Reply:
        """What Angel One answers."""
        assert call.headers["x-privatekey"] == API_KEY
        if call.path == LOGIN:
            return self._login(call.body)
        if call.headers["authorization"] not in {f"Bearer jwt{number}" for number in range(self.session, 9)}:
            return bad("AG8001", "Invalid Token")
        reads: dict[str, object] = {
            ORDERS + "getOrderBook": self.orders or None,
            ORDERS + "getTradeBook": self.trades or None,
            ORDERS + "getPosition": self.positions or None,
            "/rest/secure/angelbroking/portfolio/v1/getHolding": self.holdings or None,
            "/rest/secure/angelbroking/user/v1/getRMS": {"net": "9999.45", "availablecash": "9999.45"},
        }
        if call.path in reads:
            return good(reads[call.path])
        return self._place(call.body) if call.path == ORDERS + "placeOrder" else self._cancel(call.body)

    def fill(self, broker_id: str, quantity: int, price: float) -> None:
        """Trade all or a part of an order; numbers are as Angel One writes them: text here, floats there."""
        order = next(each for each in self.orders if each["orderid"] == broker_id)
        filled = int(order["filledshares"]) + quantity
        order |= {"filledshares": str(filled), "status": "complete" if filled == int(order["quantity"]) else "open"}
        trade = {name: order[name] for name in ("exchange", "tradingsymbol", "transactiontype", "orderid")}
        number = {"fillid": str(50_005_750 + len(self.trades)), "fillprice": price, "fillsize": str(quantity)}
        self.trades.append({**trade, **number, "filltime": self.now().astimezone(INDIA).strftime("%H:%M:%S")})

    def _login(self, body: dict[str, str]) -> Reply:
        self.logins += 1
        if (body["clientcode"], body["password"]) != (CLIENT, PIN) or body["totp"] != totp(SEED, self.now()):
            return bad("AB1007", "Invalid Password")
        return good({"jwtToken": f"jwt{self.logins}", "refreshToken": "r", "feedToken": "f"})

    def _place(self, body: dict[str, str]) -> Reply:
        reply, is_taken = self.faults.popleft() if self.faults else (None, True)
        broker_id = f"26112100000{len(self.orders):04}"
        if is_taken:
            state = {"status": "open", "filledshares": "0", "text": "", "orderid": broker_id}
            self.orders.append({**body, "price": float(body["price"]), **state})
        return good({"script": body["tradingsymbol"], "orderid": broker_id}) if reply is None else reply

    def _cancel(self, body: dict[str, str]) -> Reply:
        for order in self.orders:
            if (order["orderid"], order["variety"]) == (body["orderid"], body["variety"]):
                if order["status"] != "open":
                    return bad("AB1013", "Order not found")
                order["status"] = "cancelled"
                return good({"orderid": body["orderid"]})
        return bad("AB1013", "Order not found")

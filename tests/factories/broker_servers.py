"""Servers on loopback that speak brokers' order protocols, with what goes wrong on them, in a thread of their own."""

import json
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

CUT: Final = -1
"""In place of a status: the connection ends without an answer."""
HANG: Final = -2
"""No answer comes, and the connection stays."""


@dataclass(frozen=True, slots=True)
class Call:
    """One request as the server saw it."""

    method: str
    path: str
    params: dict[str, str]
    headers: dict[str, str]
    body: dict[str, str]


@dataclass(frozen=True, slots=True)
class Reply:
    """What is answered: an object as JSON, or bytes as they are."""

    body: object = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Served:
    """A running server, and all that it was asked."""

    url: str
    calls: list[Call] = field(default_factory=list)

    def count(self, method: str, path: str) -> int:
        """How often it was asked for this."""
        return sum((call.method, call.path) == (method, path) for call in self.calls)


@contextmanager
def serving(answer: Callable[[Call], Reply]) -> Iterator[Served]:
    """A server of which `answer` makes every answer, until the block ends."""
    ended = Event()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            parts = urlsplit(self.path)
            raw = self.rfile.read(int(self.headers.get("content-length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            body = json.loads(raw) if raw else {}
            call = Call(self.command, parts.path, dict(parse_qsl(parts.query)), headers, body)
            served.calls.append(call)
            reply = answer(call)
            if reply.status == HANG:
                ended.wait()
            if reply.status < 0:
                self.close_connection = True
                return
            said = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body, default=str).encode()
            said = b"" if reply.body is None else said
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        do_GET = do_POST = do_DELETE = answer

        def log_message(self, format: str, *args: object) -> None:
            """Nobody reads it."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    served = Served(f"http://127.0.0.1:{server.server_port}")
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield served
    finally:
        ended.set()
        server.shutdown()
        server.server_close()


class AlpacaServer:
    """Alpaca's orders, activities, positions and account (docs.alpaca.markets).

    `faults` are what happens to the next new orders: a Reply in place of an answer, and whether the order is taken.
    """

    KEY, SECRET = "AK-secret-1", "AS-secret-2"

    def __init__(self, now: Callable[[], datetime]) -> None:
        self.now = now
        self.orders: dict[str, dict[str, Any]] = {}
        self.activities: list[dict[str, Any]] = []
        self.units: dict[str, Decimal] = {}
        self.faults: deque[tuple[Reply, bool]] = deque()
        self.account: dict[str, Any] = {"id": "a", "status": "ACTIVE", "cash": "10000.00", "currency": "USD"}
        self.canceled_by_us: list[str] = []

    def __call__(self, call: Call) -> Reply:
        """What Alpaca answers."""
        if call.headers.get("apca-api-key-id") != self.KEY or call.headers.get("apca-api-secret-key") != self.SECRET:
            return Reply({"code": 40110000, "message": "request is not authorized"}, 401)
        if (call.method, call.path) == ("POST", "/v2/orders"):
            return self._place(call.body)
        if call.method == "DELETE":
            return self._cancel(call.path.removeprefix("/v2/orders/"))
        reads: dict[str, Callable[[dict[str, str]], Reply]] = {
            "/v2/orders": self._open,
            "/v2/orders:by_client_order_id": self._by_client_id,
            "/v2/account/activities/FILL": self._fills,
            "/v2/positions": self._positions,
            "/v2/account": lambda _: Reply(self.account),
        }
        return reads[call.path](call.params)

    def fill(self, client_id: str, quantity: int, price: str, *, tells: bool = True) -> None:
        """Trade a part of an order, or all; `tells` says whether there is an activity of it."""
        order = self.orders[client_id]
        filled = Decimal(order["filled_qty"]) + quantity
        order["filled_qty"] = str(filled)
        order["status"] = "filled" if filled == Decimal(order["qty"]) else "partially_filled"
        sign = 1 if order["side"] == "buy" else -1
        self.units[order["symbol"]] = self.units.get(order["symbol"], Decimal(0)) + sign * quantity
        activity = {
            "id": f"2026{len(self.activities):013}::{order['id']}",
            "activity_type": "FILL",
            "transaction_time": self.now().isoformat(),
            "type": "fill" if order["status"] == "filled" else "partial_fill",
            "price": price,
            "qty": str(quantity),
            "side": order["side"],
            "symbol": order["symbol"],
            "leaves_qty": str(Decimal(order["qty"]) - filled),
            "order_id": order["id"],
            "cum_qty": str(filled),
            "order_status": order["status"],
        }
        if tells:
            self.activities.append(activity)

    def end(self, client_id: str, status: str) -> None:
        """The order ends without being filled any more."""
        self.orders[client_id]["status"] = status

    def take(self, body: dict[str, str]) -> dict[str, Any]:
        """An order that has come."""
        order = {**body, "id": f"alpaca-{len(self.orders) + 1}", "status": "accepted", "filled_qty": "0"}
        order["submitted_at"] = self.now().isoformat()
        self.orders[body["client_order_id"]] = order
        return order

    def _place(self, body: dict[str, str]) -> Reply:
        reply, is_taken = self.faults.popleft() if self.faults else (None, True)
        if is_taken and body["client_order_id"] in self.orders:
            return Reply({"code": 40010001, "message": "client_order_id must be unique"}, 422)
        order = self.take(body) if is_taken else {}
        return Reply(order) if reply is None else reply

    def _cancel(self, broker_id: str) -> Reply:
        found = [order for order in self.orders.values() if order["id"] == broker_id]
        if not found:
            return Reply({"code": 40410000, "message": "order not found"}, 404)
        if found[0]["status"] in ("filled", "canceled"):
            return Reply({"code": 42210000, "message": "order is not cancelable"}, 422)
        self.canceled_by_us.append(broker_id)
        found[0]["status"] = "canceled"
        return Reply(None, 204)

    def _open(self, params: dict[str, str]) -> Reply:
        ended = ("filled", "canceled", "expired", "rejected")
        found = [order for order in self.orders.values() if order["status"] not in ended]
        found = [order for order in found if order["submitted_at"] > params.get("after", "")]
        return Reply(found[: int(params["limit"])])

    def _by_client_id(self, params: dict[str, str]) -> Reply:
        order = self.orders.get(params["client_order_id"])
        return Reply({"code": 40410000, "message": "order not found"}, 404) if order is None else Reply(order)

    def _fills(self, params: dict[str, str]) -> Reply:
        after = datetime.fromisoformat(params["after"])
        found = [each for each in self.activities if datetime.fromisoformat(each["transaction_time"]) > after]
        token = params.get("page_token", "")
        return Reply([each for each in found if each["id"] > token][: int(params["page_size"])])

    def _positions(self, _: dict[str, str]) -> Reply:
        rows = [
            {"symbol": symbol, "qty": str(units), "side": "long" if units > 0 else "short"}
            for symbol, units in self.units.items()
            if units
        ]
        return Reply(rows)

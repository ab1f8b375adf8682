"""From a row of text to a draft of a transaction, or to the reason why it is none. Pure."""

import hashlib
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from typing import Final
from uuid import UUID

from lakehouse.domain.currency import MINOR_DIGITS, CurrencyError, rounded_minor
from lakehouse.portfolio.transactions import AMOUNTS, NEEDS_SYMBOL, RATIOS, UNITS, Draft, Kind
from serving.imports.layout import DateFormat, Layout, Meaning
from serving.imports.reading import Row, clean

EIGHT: Final = Decimal("0.00000001")
_SYMBOL = re.compile(r"[A-Z0-9][A-Z0-9.^=/_-]{0,31}")
_NUMBER = re.compile(r"-?[0-9]{0,30}(\.[0-9]{0,30})?")
_NOISE = re.compile(r"[\s\u00a0\u202f'\u2019$\u20ac\u00a3\u00a5]|[A-Za-z]{3}$|^[A-Za-z]{3}")
_PLAIN = re.compile(r"-?[0-9]{1,9}(\.[0-9]{1,8})?")  # what nearly every number looks like
_GROUPED = re.compile(r"-?[0-9]{1,3}(G[0-9]{3})+(D[0-9]*)?")
_INSTANT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{6})?\+00:00")
_TIME = re.compile(r"([01][0-9]|2[0-3])[:.]?([0-5][0-9])(?:[:.]?([0-5][0-9])(?:[.,]([0-9]{1,6}))?)?")
_DATES: Final[Mapping[DateFormat, re.Pattern[str]]] = {
    DateFormat.ISO: re.compile(r"(?P<y>[0-9]{4})-(?P<m>[0-9]{1,2})-(?P<d>[0-9]{1,2})"),
    DateFormat.SLASHED_ISO: re.compile(r"(?P<y>[0-9]{4})/(?P<m>[0-9]{1,2})/(?P<d>[0-9]{1,2})"),
    DateFormat.COMPACT: re.compile(r"(?P<y>[0-9]{4})(?P<m>[0-9]{2})(?P<d>[0-9]{2})"),
    DateFormat.DOTTED: re.compile(r"(?P<d>[0-9]{1,2})\.(?P<m>[0-9]{1,2})\.(?P<y>[0-9]{4})"),
    DateFormat.DASHED: re.compile(r"(?P<d>[0-9]{1,2})-(?P<m>[0-9]{1,2})-(?P<y>[0-9]{4})"),
    DateFormat.EUROPEAN: re.compile(r"(?P<d>[0-9]{1,2})/(?P<m>[0-9]{1,2})/(?P<y>[0-9]{4})"),
    DateFormat.AMERICAN: re.compile(r"(?P<m>[0-9]{1,2})/(?P<d>[0-9]{1,2})/(?P<y>[0-9]{4})"),
}
_LARGEST: Final = {
    "quantity": 12,
    "price": 9,
    "fx_rate": 9,
    "ratio": 9,
    "amount": 13,
    "fee": 13,
    "tax": 13,
    "to_amount": 13,
}
FIRST_YEAR, LAST_YEAR = 1900, 2200


class RowRefused(Exception):
    """A row that is no transaction; `code` names why."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


class _Words:
    """Meanings of the words of a kind column; each is looked for once."""

    def __init__(self, layout: Layout) -> None:
        given = layout.kinds or {meaning.value: meaning for meaning in Meaning}
        self._known = {" ".join(word.lower().split()): meaning for word, meaning in given.items()}
        self._found: dict[str, Meaning] = {}

    def meaning(self, word: str) -> Meaning:
        """The meaning of a word: exactly, or of the longest known word that it starts with. Raises RowRefused."""
        if word not in self._found:
            asked = " ".join(word.lower().split())
            starts = [known for known in self._known if asked.startswith(known)]
            if not starts:
                words = ", ".join(sorted(self._known))
                raise RowRefused("kind_unknown", f"{clean(word, 60)!r} is no kind of this layout: {words}.")
            self._found[word] = self._known[max(starts, key=len)]
        return self._found[word]


Known = tuple[Kind, datetime, str | None, str]


@dataclass(frozen=True, slots=True)
class _Context:
    layout: Layout
    words: _Words
    known: Mapping[str, str]
    base_currency: str
    import_id: UUID | None
    seen: Counter[str]
    symbols: dict[str, str | None]
    """Tickers by how the file writes them; each is looked at once."""


@dataclass(frozen=True, slots=True)
class Read:
    """What became of a row: a draft, or a refusal."""

    row: Row
    draft: Draft | None
    refusal: RowRefused | None = None


def read_rows(
    rows: Sequence[Row],
    layout: Layout,
    known: Mapping[str, str],
    base_currency: str,
    import_id: UUID | None = None,
) -> list[Read]:
    """Each row's draft or refusal, in order of time: rows of one instant keep the order of the file.

    `known` are the currencies of known instruments. A file that runs backwards is turned round first. What has no
    external_id gets one from its content and how often the file has it, so that a second import finds it again.
    """
    context = _Context(layout, _Words(layout), known, base_currency, import_id, Counter(), {})
    found = [_read(row, context) for row in rows]
    times = [each.draft.occurred_at for each in found if each.draft is not None]
    if times and times[0] > times[-1]:
        found.reverse()
    return sorted(found, key=lambda each: (each.draft is not None, each.draft.occurred_at if each.draft else _NEVER))


_NEVER = datetime.min.replace(tzinfo=UTC)


def symbol_of(text: str) -> str | None:
    """A ticker in the form that the books use; None where the text names none. Raises RowRefused."""
    return _symbol(text)


def _read(row: Row, context: _Context) -> Read:
    try:
        return Read(row, _draft(row.cells, context))
    except RowRefused as refusal:
        return Read(row, None, refusal)
    except CurrencyError as error:
        return Read(row, None, RowRefused("amount_not_representable", f"{error}."))


def _draft(cells: Mapping[str, str], context: _Context) -> Draft:
    layout = context.layout
    numbers = {name: _number(name, cells[name], layout) for name in _LARGEST if name in cells}
    kind = _kind(cells, numbers, context.words)
    symbol = _symbol_once(cells.get("symbol", ""), context.symbols)
    if kind in NEEDS_SYMBOL and symbol is None:
        raise RowRefused("symbol_missing", f"A {kind} needs a symbol.")
    currency = _currency(cells, context, symbol)
    to_currency, to_minor = _target(cells, numbers) if kind is Kind.CONVERSION else (None, None)
    fee, tax = abs(_minor(numbers.get("fee"), currency)), abs(_minor(numbers.get("tax"), currency))
    occurred_at = _occurred_at(cells, layout)
    return Draft(
        kind=kind,
        occurred_at=occurred_at,
        currency=currency,
        symbol=symbol,
        quantity=_units(numbers, kind),
        price=_price(numbers, kind, fee=fee, tax=tax, currency=currency),
        amount_minor=_amount(numbers, kind, layout, currency=currency, charges=fee + tax),
        # A fee of its own may stand in the fee column instead of the amount.
        fee_minor=0 if (kind is Kind.FEE and "amount" not in numbers) or kind in RATIOS else fee,
        tax_minor=0 if (kind is Kind.TAX and "amount" not in numbers) or kind in RATIOS else tax,
        fx_rate=numbers.get("fx_rate") or Decimal(1),
        ratio=numbers.get("ratio") if kind in RATIOS else None,
        related_symbol=_symbol(cells.get("related_symbol", "")) if kind is Kind.SPIN_OFF else None,
        cost_share=_share(cells, layout) if kind is Kind.SPIN_OFF else None,
        to_currency=to_currency,
        to_minor=to_minor,
        settles_on=_settles_on(cells, layout),
        external_id=_external_id(cells, numbers, (kind, occurred_at, symbol, currency), context),
        import_id=context.import_id,
        source="import",
        note=clean(_unescaped(cells.get("note", "")), 500),
    )


def _unescaped(text: str) -> str:
    """Text without the apostrophe that keeps a spreadsheet from taking it for a formula."""
    return text[1:] if text[:1] == "'" and text[1:2] in ("=", "+", "-", "@", "'") else text


def _external_id(cells: Mapping[str, str], numbers: Mapping[str, Decimal], known: Known, context: _Context) -> str:
    """The broker's own number, or one made from the content and how often the file has had it."""
    given = clean(_unescaped(cells.get("external_id", "")), 200)
    if given:
        return given
    values = sorted((name, f"{value.normalize():f}") for name, value in numbers.items())
    digest = hashlib.sha256(repr((*map(str, known), values, cells.get("note", ""))).encode()).hexdigest()[:32]
    context.seen[digest] += 1
    return f"csv:{digest}:{context.seen[digest]}"


def _kind(cells: Mapping[str, str], numbers: Mapping[str, Decimal], words: _Words) -> Kind:
    meaning = Meaning.TRADE if "kind" not in cells else words.meaning(cells["kind"])
    if meaning is Meaning.TRADE:
        if not numbers.get("quantity"):
            raise RowRefused("kind_missing", "It has no kind, and no quantity whose sign would say buy or sell.")
        return Kind.BUY if numbers["quantity"] > 0 else Kind.SELL
    if meaning is Meaning.CASH:
        return Kind.DEPOSIT if numbers.get("amount", Decimal(0)) > 0 else Kind.WITHDRAWAL
    if meaning is Meaning.SPLIT and numbers.get("ratio", Decimal(1)) < 1:
        return Kind.REVERSE_SPLIT
    return Kind(meaning.value)


def _symbol_once(text: str, known: dict[str, str | None]) -> str | None:
    if text not in known:
        known[text] = _symbol(text)
    return known[text]


def _symbol(text: str) -> str | None:
    """BRK B is written BRK.B; $CASH-USD, as some write, is no symbol at all."""
    name = re.sub(r"\s+", ".", text.strip().upper())
    if not name or name.startswith("$CASH"):
        return None
    if not _SYMBOL.fullmatch(name):
        raise RowRefused("symbol_invalid", f"{clean(text, 60)!r} is no symbol: letters, digits and . ^ = / _ - only.")
    return name


def _currency(cells: Mapping[str, str], context: _Context, symbol: str | None) -> str:
    instruments = context.known.get(symbol or "")
    name = cells.get("currency", "").upper() or context.layout.default_currency or instruments or context.base_currency
    return _known_currency(name)


def _target(cells: Mapping[str, str], numbers: Mapping[str, Decimal]) -> tuple[str, int]:
    """The currency that a conversion brings, and how much of it."""
    if "to_currency" not in cells or not numbers.get("to_amount"):
        raise RowRefused("target_missing", "A conversion needs a to_currency and a to_amount.")
    currency = _known_currency(cells["to_currency"].upper())
    return currency, _minor(abs(numbers["to_amount"]), currency)


def _known_currency(name: str) -> str:
    if name not in MINOR_DIGITS or len(name) != 3:
        raise RowRefused("currency_unknown", f"{clean(name, 20)!r} is no currency of the ledger.")
    return name


def _number(name: str, text: str, layout: Layout) -> Decimal:
    """A number; several of one field (fees) are added up. Digits after the eighth decimal are rounded."""
    if "\x1f" not in text:
        return _one_number(name, text, layout)
    return sum((_one_number(name, part, layout) for part in text.split("\x1f")), Decimal(0))


def _one_number(name: str, text: str, layout: Layout) -> Decimal:
    if layout.decimal == "." and _PLAIN.fullmatch(text):
        return Decimal(text)
    plain = _NOISE.sub("", text.strip())
    is_negative = (plain.startswith("(") and plain.endswith(")")) or plain.endswith("-")
    plain = plain.strip("()").removesuffix("-").removeprefix("+")
    group = "." if layout.decimal == "," else ","
    # 12,50 where the comma groups digits is a mistake of the layout, and not twelve hundred and fifty.
    is_odd = group in plain and not _GROUPED.fullmatch(plain.replace(group, "G").replace(layout.decimal, "D"))
    plain = plain.replace(group, "").replace(layout.decimal, ".")
    try:
        if is_odd or not _NUMBER.fullmatch(plain) or plain in ("", "-", ".", "-."):
            raise InvalidOperation
        value = Decimal(plain)
    except InvalidOperation:
        raise RowRefused("number_invalid", f"{clean(text, 60)!r} in {name} is no number.") from None
    if abs(value) >= 10 ** _LARGEST[name]:
        raise RowRefused("number_too_large", f"{clean(text, 60)!r} in {name} is larger than the books can hold.")
    rounded = value.quantize(EIGHT)
    return -rounded if is_negative else rounded


def _minor(value: Decimal | None, currency: str) -> int:
    return 0 if value is None else rounded_minor(value, currency)


def _units(numbers: Mapping[str, Decimal], kind: Kind) -> Decimal | None:
    if kind not in UNITS:
        return None
    quantity = abs(numbers.get("quantity", Decimal(0)))
    if not quantity:
        raise RowRefused("quantity_missing", f"A {kind} needs a quantity above zero.")
    return quantity


def _price(numbers: Mapping[str, Decimal], kind: Kind, *, fee: int, tax: int, currency: str) -> Decimal | None:
    """The price as given, or what the amount makes a unit, charges taken out."""
    if kind not in UNITS:
        return None
    if "price" in numbers:
        return abs(numbers["price"])
    if "amount" not in numbers:
        raise RowRefused("price_missing", f"A {kind} needs a price, or an amount to work it out from.")
    charges = Decimal(fee + tax).scaleb(-MINOR_DIGITS[currency])
    gross = abs(numbers["amount"]) + (charges if kind is Kind.SELL else -charges)
    price = (max(gross, Decimal(0)) / abs(numbers["quantity"])).quantize(EIGHT)
    if price >= 10 ** _LARGEST["price"]:
        raise RowRefused(
            "number_too_large", "The price that follows from the amount is larger than the books can hold."
        )
    return price


def _amount(numbers: Mapping[str, Decimal], kind: Kind, layout: Layout, *, currency: str, charges: int) -> int | None:
    """The gross amount: given, or units times price (dividends of some), or the charge itself of a fee or tax."""
    if kind not in AMOUNTS:
        return None
    amount = _minor(abs(numbers["amount"]), currency) if numbers.get("amount") else 0
    if amount and layout.amount_is == "net" and kind in (Kind.DIVIDEND, Kind.INTEREST, Kind.DEPOSIT):
        amount += charges
    if not amount and kind in (Kind.FEE, Kind.TAX):
        amount = charges
    if not amount and "quantity" in numbers and "price" in numbers:
        amount = _minor(abs(numbers["quantity"] * numbers["price"]), currency)
    if not amount:
        raise RowRefused("amount_missing", f"A {kind} needs an amount above zero.")
    return amount


def _share(cells: Mapping[str, str], layout: Layout) -> Decimal | None:
    text = cells.get("cost_share")
    return None if text is None else _one_number("ratio", text, layout)


def _settles_on(cells: Mapping[str, str], layout: Layout) -> date | None:
    text = cells.get("settles_on")
    return None if text is None else _date(text, layout)[0]


def _occurred_at(cells: Mapping[str, str], layout: Layout) -> datetime:
    if "date" not in cells:
        raise RowRefused("date_missing", "It has no date.")
    if layout.date_formats[0] is DateFormat.ISO and _INSTANT.fullmatch(cells["date"]):
        found = _instant(cells["date"])
        if found is not None:
            return found
    day, rest = _date(cells["date"], layout)
    clock = rest.strip(" ;,T") or cells.get("time", "").strip()
    if not clock:
        return datetime.combine(day, time(), UTC)
    return _at(day, clock)


def _instant(text: str) -> datetime | None:
    """What most programs write; whatever is odd about it is left to the slower way."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found.astimezone(UTC) if FIRST_YEAR <= found.year <= LAST_YEAR else None


def _date(text: str, layout: Layout) -> tuple[date, str]:
    """The day, and what follows it."""
    for name in layout.date_formats:
        found = _DATES[name].match(text)
        if found is None:
            continue
        try:
            day = date(int(found["y"]), int(found["m"]), int(found["d"]))
        except ValueError:
            continue
        if FIRST_YEAR <= day.year <= LAST_YEAR:
            return day, text[found.end() :]
    formats = " or ".join(layout.date_formats)
    raise RowRefused("date_invalid", f"{clean(text, 60)!r} is no date as {formats}.")


def _at(day: date, text: str) -> datetime:
    """A time of day with an optional zone; UTC without one. Words after the date (`as of ...`) are no time."""
    if not text[0].isdigit():
        return datetime.combine(day, time(), UTC)
    found = _TIME.match(text)
    if found is None:
        raise RowRefused("time_invalid", f"{clean(text, 60)!r} is no time of day.")
    hour, minute, second, fraction = found.groups()
    at = time(int(hour), int(minute), int(second or 0), int((fraction or "0").ljust(6, "0")))
    zone = text[found.end() :].strip()
    moment = datetime.combine(day, at, UTC)
    shift = re.fullmatch(r"([+-])([01][0-9]):?([0-5][0-9])", zone)
    if shift is None:
        return moment
    ahead = timedelta(hours=int(shift[2]), minutes=int(shift[3]))
    return moment - ahead if shift[1] == "+" else moment + ahead

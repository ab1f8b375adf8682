"""What a refusal of the database means to a caller: constraints by name, the rest by kind."""

from dataclasses import dataclass

from psycopg import DataError, IntegrityError
from psycopg.errors import ForeignKeyViolation, UniqueViolation

from serving.kit.problems import ApiError


class AlreadyExists(ApiError):
    """Something with the same unique name, number or pair exists."""

    status = 409
    code = "already_exists"
    title = "This exists already"


class UnknownReference(ApiError):
    """The request names something that does not exist, or would remove what something else still needs."""

    status = 409
    code = "unknown_reference"
    title = "A reference points to nothing, or something still points here"


class RuleBroken(ApiError):
    """A rule of the database forbids it; the rule's name is in the detail."""

    status = 409
    code = "rule_broken"
    title = "A rule of the books forbids this"


class NumberTooLarge(ApiError):
    """Each number of the request is a possible one, but what follows from them is more than the books can hold."""

    status = 409
    code = "number_too_large"
    title = "A number is larger than the books can hold"


class InsufficientFunds(ApiError):
    """The account does not hold what the booking takes out of it, or has promised it to open orders."""

    status = 409
    code = "insufficient_funds"
    title = "Not enough money"


class InsufficientHoldings(ApiError):
    """The portfolio does not hold the units, or has promised them to open orders."""

    status = 409
    code = "insufficient_holdings"
    title = "Not enough units"


@dataclass(frozen=True, slots=True)
class Meaning:
    """The refusal that a constraint stands for."""

    kind: type[ApiError]
    detail: str


MEANINGS: dict[str, Meaning] = {
    "ledger_account_no_overdraft": Meaning(
        InsufficientFunds, "The account's balance would fall below zero: deposit first, or book less."
    ),
    "ledger_account_reserved_covered": Meaning(
        InsufficientFunds,
        "Open orders, payments under review and short sales keep that money back: cancel one, buy back, deposit, or "
        "book less.",
    ),
    "position_reserved_covered": Meaning(
        InsufficientHoldings, "Open orders have reserved these units: cancel one, or book less."
    ),
    "transaction_external_unique": Meaning(
        AlreadyExists, "A transaction with this external_id is booked in the portfolio already."
    ),
    "order_client_id_unique": Meaning(
        AlreadyExists, "An order has this client_order_id, or the one that a leg would get from it: choose another."
    ),
    "account_name_unique": Meaning(AlreadyExists, "You have an account of this name: choose another."),
    "portfolio_name_unique": Meaning(AlreadyExists, "You have a portfolio of this name: choose another."),
    "instrument_pkey": Meaning(AlreadyExists, "There is an instrument of that symbol: change it instead."),
    "user_preference_key_unique": Meaning(AlreadyExists, "You have preferences of this key: change them instead."),
    "user_preference_currency_fkey": Meaning(UnknownReference, "The ledger does not know that currency."),
    "bond_symbol_unique": Meaning(AlreadyExists, "The instrument has its terms already: change those instead."),
    "bond_isin_unique": Meaning(AlreadyExists, "Another bond has this ISIN."),
    "bond_zero_coupon": Meaning(
        RuleBroken, "A zero-coupon bond has coupon_rate 0 and coupons_per_year 0, others none."
    ),
    "bond_matures_after_issue": Meaning(RuleBroken, "A bond matures after the day of its issue."),
    "option_symbol_unique": Meaning(AlreadyExists, "The instrument has its terms already: change those instead."),
    "option_terms_unique": Meaning(AlreadyExists, "Another option has the same terms."),
    "option_not_on_itself": Meaning(RuleBroken, "An option is a right on another instrument than itself."),
    "option_underlying_fkey": Meaning(
        UnknownReference, "There is no instrument of the underlying's symbol; GET /api/v1/instruments lists them."
    ),
    "objective_portfolio_unique": Meaning(AlreadyExists, "The portfolio has its objective already: change that one."),
    "watchlist_name_unique": Meaning(AlreadyExists, "You have a watchlist of this name: choose another."),
    "watchlist_item_unique": Meaning(AlreadyExists, "The instrument is on that watchlist already."),
    "watchlist_item_instrument_fkey": Meaning(
        UnknownReference, "There is no instrument of that symbol; GET /api/v1/instruments lists them."
    ),
    "rule_instrument_fkey": Meaning(
        UnknownReference, "There is no instrument of that symbol; GET /api/v1/instruments lists them."
    ),
    "rule_limit_fits_kind": Meaning(RuleBroken, "A rule on a crossed quote has no limit_value, all others have one."),
    "rule_share_below_one": Meaning(RuleBroken, "The limit of a trailing stop or a drawdown is a share below 1."),
    "rule_amount_fits_kind": Meaning(RuleBroken, "The limit of a rule of this kind is no amount."),
    "customer_email_unique": Meaning(AlreadyExists, "You have a customer with this e-mail address already."),
    "portfolio_account_unique": Meaning(
        AlreadyExists, "The account belongs to a portfolio already: a portfolio has an account of its own."
    ),
}


def refusal_of(error: IntegrityError | DataError) -> ApiError:
    """The ApiError that `error` stands for. The text of the database stays out of it: it may hold others' values."""
    if isinstance(error, DataError):
        return NumberTooLarge("What follows from the request does not fit into the books: send smaller numbers.")
    rule = error.diag.constraint_name or ""
    if rule in MEANINGS:
        meaning = MEANINGS[rule]
        return meaning.kind(meaning.detail)
    if isinstance(error, UniqueViolation):
        return AlreadyExists(f"It would repeat what must be unique ({rule}).")
    if isinstance(error, ForeignKeyViolation):
        return UnknownReference(f"Check the ids and symbols of the request, and what refers to them ({rule}).")
    return RuleBroken(f"The rule {rule or 'of append-only tables'} forbids it.")

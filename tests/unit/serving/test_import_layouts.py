"""Files as brokers write them, read by the presets: rows made up after the public descriptions of the columns."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from lakehouse.portfolio.transactions import Draft, Kind
from serving.imports.cash import Shortage, shortages
from serving.imports.convert import read_rows
from serving.imports.presets import PRESETS, Preset
from serving.imports.reading import UnreadableFile, decode, read


def drafts(preset: Preset, text: str) -> list[Draft]:
    """The drafts of a file in which every row is right."""
    layout = PRESETS[preset]
    found = read_rows(read(text, layout), layout, {}, "USD")
    assert [each.refusal for each in found if each.refusal] == []
    return [each.draft for each in found if each.draft is not None]


def test_interactive_brokers() -> None:
    trades = drafts(
        Preset.INTERACTIVE_BROKERS,
        "CurrencyPrimary,Symbol,DateTime,Buy/Sell,Quantity,TradePrice,IBCommission,TradeID\n"
        "USD,AAPL,20240102;093001,BUY,10,185.5,-1.00,1001\n"
        "EUR,SAP,20240103;101500,SELL,-4,140.25,-2.5,1002\n",
    )
    assert [(each.kind, each.symbol, each.quantity, each.price, each.fee_minor) for each in trades] == [
        (Kind.BUY, "AAPL", Decimal(10), Decimal("185.5"), 100),
        (Kind.SELL, "SAP", Decimal(4), Decimal("140.25"), 250),
    ]
    assert trades[0].occurred_at == datetime(2024, 1, 2, 9, 30, 1, tzinfo=UTC)
    assert [each.external_id for each in trades] == ["1001", "1002"]
    cash = drafts(
        Preset.INTERACTIVE_BROKERS,
        "CurrencyPrimary,Symbol,Date/Time,Type,Amount,TransactionID\n"
        "USD,,20240102,Deposits/Withdrawals,5000,1\n"
        "USD,,20240103,Deposits/Withdrawals,-100,2\n"
        "USD,AAPL,20240301;202000,Dividends,2.40,3\n"
        "USD,AAPL,20240301;202000,Withholding Tax,-0.36,4\n",
    )
    assert [(each.kind, each.amount_minor) for each in cash] == [
        (Kind.DEPOSIT, 500_000),
        (Kind.WITHDRAWAL, 10_000),
        (Kind.DIVIDEND, 240),
        (Kind.TAX, 36),
    ]


def test_american_brokers_newest_first() -> None:
    found = drafts(
        Preset.GENERIC_US,
        '"Transactions  for account XXXX-1234"\n\n'
        '"Date","Action","Symbol","Description","Quantity","Price","Fees & Comm","Amount"\n'
        '"03/15/2024 as of 03/14/2024","Qualified Dividend","KO","COCA COLA","","","","$12.50"\n'
        '"01/03/2024","Sell","BRK B","BERKSHIRE","1,000","$350.10","$0.30","$350,099.70"\n'
        '"01/02/2024","MoneyLink Transfer","","Tfr","","","","($1,000.00)"\n'
        '"01/02/2024","Buy","KO","COCA COLA","10","$60.00","","-$600.00"\n',
    )
    assert [(each.kind, each.symbol) for each in found] == [
        (Kind.BUY, "KO"),
        (Kind.WITHDRAWAL, None),
        (Kind.SELL, "BRK.B"),
        (Kind.DIVIDEND, "KO"),
    ]
    assert (found[2].quantity, found[2].price, found[2].fee_minor) == (Decimal(1000), Decimal("350.1"), 30)
    assert [found[1].amount_minor, found[3].amount_minor] == [100_000, 1_250]


def test_european_brokers() -> None:
    found = drafts(
        Preset.GENERIC_EU,
        "Datum;Zeit;Typ;Symbol;Stück;Kurs;Betrag;Gebühren;Steuern;Buchungswährung\n"
        "02.01.2024;08:15;Einlage;;;;10.000,00;;;EUR\n"
        "03.01.2024;09:30:05;Kauf;SAP;12,5;1.140,25;;1,00;0,5;EUR\n"
        "04.01.2024;;Zinsen;;;;1,23;;;EUR\n",
    )
    assert [each.kind for each in found] == [Kind.DEPOSIT, Kind.BUY, Kind.INTEREST]
    assert (found[0].amount_minor, found[0].occurred_at.hour) == (1_000_000, 8)
    assert (found[1].quantity, found[1].price, found[1].fee_minor, found[1].tax_minor) == (
        Decimal("12.5"),
        Decimal("1140.25"),
        100,
        50,
    )


def test_ghostfolio_and_wealthfolio() -> None:
    ghost = drafts(
        Preset.GHOSTFOLIO,
        "Date,Code,DataSource,Currency,Price,Quantity,Action,Fee,Note\n"
        "2024-01-02,VTI,YAHOO,USD,230.5,3,buy,1,first\n"
        "2024-03-02,VTI,YAHOO,USD,0.8,3,dividend,0,\n",
    )
    assert [(each.kind, each.amount_minor, each.note) for each in ghost] == [
        (Kind.BUY, None, "first"),
        (Kind.DIVIDEND, 240, ""),
    ]
    wealth = drafts(
        Preset.WEALTHFOLIO,
        "date,symbol,quantity,activityType,unitPrice,currency,fee,amount\n"
        "2024-01-01T15:02:36.329Z,$CASH-USD,1,DEPOSIT,1,USD,0,600.03\n"
        "2024-01-02T15:02:36.329Z,MSFT,1,BUY,368.6,USD,0,\n"
        "2024-06-10T09:00:00+02:00,MSFT,0,SPLIT,0,USD,0,2\n",
    )
    assert [(each.kind, each.symbol) for each in wealth] == [
        (Kind.DEPOSIT, None),
        (Kind.BUY, "MSFT"),
        (Kind.SPLIT, "MSFT"),
    ]
    assert (wealth[0].amount_minor, wealth[2].ratio, wealth[2].occurred_at.hour) == (60_003, Decimal(2), 7)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_encodings(encoding: str) -> None:
    text = "Datum;Typ;Betrag;Währung\n02.01.2024;Einlage;5,00;EUR\n"
    assert decode(text.encode(encoding)) == text


def test_equal_rows_are_told_apart_the_same_way_each_time() -> None:
    text = (
        "date,kind,amount,currency\n2024-01-02,deposit,5,USD\n2024-01-02,deposit,5.00,USD\n2024-01-02,deposit,6,USD\n"
    )
    first, second = (drafts(Preset.TIDEMARK, text) for _ in range(2))
    ids = [each.external_id for each in first]
    assert len(set(ids)) == 3
    assert ids == [each.external_id for each in second]


@pytest.mark.parametrize("text", ["", "\n\n", "a,b\n1,2\n", "date\n2024-01-01\n", "\x00" * 50])
def test_no_header_no_file(text: str) -> None:
    with pytest.raises(UnreadableFile) as refused:
        read(text, PRESETS[Preset.TIDEMARK])
    assert refused.value.code == "no_header"


def test_shortages_are_judged_by_the_end_of_days() -> None:
    one, two, three = (datetime(2024, 1, day, tzinfo=UTC).date() for day in (1, 2, 3))
    assert shortages([], [(one, "USD", -5), (one, "USD", 5)], {}) == []
    assert shortages([(one, "USD", 3)], [(two, "USD", -10), (three, "USD", 20)], {"USD": 3}) == [
        Shortage("USD", two, 7, is_open=False)
    ]
    assert shortages([], [(two, "EUR", -10), (three, "EUR", -1)], {}) == [Shortage("EUR", two, 11, is_open=True)]
    # What is reserved cannot be spent, even where the past would allow it.
    assert shortages([(one, "USD", 10)], [(two, "USD", -8)], {"USD": 5}) == [Shortage("USD", two, 3, is_open=True)]

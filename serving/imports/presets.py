"""Layouts of well-known exports, by the column names that their makers document. Data, no code."""

from enum import StrEnum
from typing import Final

from serving.imports.layout import Columns, DateFormat, Layout, Meaning


class Preset(StrEnum):
    """Names of the layouts that come with Tidemark."""

    TIDEMARK = "tidemark"
    INTERACTIVE_BROKERS = "interactive_brokers"
    GENERIC_US = "generic_us"
    GENERIC_EU = "generic_eu"
    GHOSTFOLIO = "ghostfolio"
    WEALTHFOLIO = "wealthfolio"


_OWN_KINDS = {meaning.value: meaning for meaning in Meaning if meaning not in (Meaning.TRADE, Meaning.CASH)}

PRESETS: Final[dict[Preset, Layout]] = {
    # What GET /api/v1/exports?kind=transactions writes.
    Preset.TIDEMARK: Layout(
        columns=Columns(
            date=["date", "occurred_at"],
            kind=["kind"],
            symbol=["symbol"],
            name=["name"],
            quantity=["quantity"],
            price=["price"],
            currency=["currency"],
            amount=["amount"],
            fee=["fee"],
            tax=["tax"],
            fx_rate=["fx_rate"],
            ratio=["ratio"],
            related_symbol=["related_symbol"],
            cost_share=["cost_share"],
            to_currency=["to_currency"],
            to_amount=["to_amount"],
            settles_on=["settles_on"],
            external_id=["external_id"],
            note=["note"],
        ),
        kinds=_OWN_KINDS,
    ),
    # Flex queries (Trades, Cash Transactions) and activity statements.
    Preset.INTERACTIVE_BROKERS: Layout(
        columns=Columns(
            date=["DateTime", "Date/Time", "TradeDate", "Trade Date", "Date"],
            kind=["Buy/Sell", "Type", "ActivityCode"],
            symbol=["Symbol"],
            name=["Description"],
            quantity=["Quantity"],
            price=["TradePrice", "T. Price", "Price"],
            currency=["CurrencyPrimary", "Currency"],
            amount=["Amount"],
            fee=["IBCommission", "Comm/Fee", "Commission"],
            tax=["Taxes"],
            settles_on=["SettleDateTarget", "SettleDate"],
            external_id=["TradeID", "TransactionID"],
            note=["Notes/Codes"],
        ),
        date_formats=[DateFormat.COMPACT, DateFormat.ISO],
        kinds={
            "buy": Meaning.BUY,
            "sell": Meaning.SELL,
            "deposits": Meaning.CASH,
            "dividends": Meaning.DIVIDEND,
            "payment in lieu": Meaning.DIVIDEND,
            "withholding tax": Meaning.TAX,
            "broker interest received": Meaning.INTEREST,
            "broker interest paid": Meaning.FEE,
            "bond interest": Meaning.INTEREST,
            "other fees": Meaning.FEE,
            "commission adjustments": Meaning.FEE,
        },
    ),
    # Schwab, Fidelity and others that write like them.
    Preset.GENERIC_US: Layout(
        columns=Columns(
            date=["Date", "Run Date", "Trade Date", "Transaction Date"],
            kind=["Action", "Transaction Type", "Type"],
            symbol=["Symbol"],
            name=["Description", "Security Description"],
            quantity=["Quantity"],
            price=["Price", "Price ($)"],
            currency=["Currency"],
            amount=["Amount", "Amount ($)", "Net Amount"],
            fee=["Fees & Comm", "Commission ($)", "Fees ($)", "Commission"],
            settles_on=["Settlement Date", "Settle Date"],
            external_id=["Transaction ID", "Order ID"],
        ),
        date_formats=[DateFormat.AMERICAN, DateFormat.ISO],
        default_currency="USD",
        amount_is="net",
        kinds={
            "buy": Meaning.BUY,
            "bought": Meaning.BUY,
            "you bought": Meaning.BUY,
            "reinvest shares": Meaning.BUY,
            "reinvestment": Meaning.BUY,
            "sell": Meaning.SELL,
            "sold": Meaning.SELL,
            "you sold": Meaning.SELL,
            "cash dividend": Meaning.DIVIDEND,
            "qualified dividend": Meaning.DIVIDEND,
            "non-qualified div": Meaning.DIVIDEND,
            "special dividend": Meaning.DIVIDEND,
            "reinvest dividend": Meaning.DIVIDEND,
            "dividend": Meaning.DIVIDEND,
            "dividend received": Meaning.DIVIDEND,
            "bank interest": Meaning.INTEREST,
            "credit interest": Meaning.INTEREST,
            "interest": Meaning.INTEREST,
            "margin interest": Meaning.FEE,
            "service fee": Meaning.FEE,
            "adr mgmt fee": Meaning.FEE,
            "fee": Meaning.FEE,
            "foreign tax paid": Meaning.TAX,
            "nra tax adj": Meaning.TAX,
            "moneylink": Meaning.CASH,
            "electronic funds transfer": Meaning.CASH,
            "funds received": Meaning.DEPOSIT,
            "wire": Meaning.CASH,
            "deposit": Meaning.DEPOSIT,
            "withdrawal": Meaning.WITHDRAWAL,
            "journal": Meaning.CASH,
        },
    ),
    # Degiro, Trade Republic, Portfolio Performance and others that write like them: semicolons, decimal commas.
    Preset.GENERIC_EU: Layout(
        columns=Columns(
            date=["Datum", "Buchungstag", "Date", "Data"],
            time=["Zeit", "Uhrzeit", "Tijd", "Time"],
            kind=["Typ", "Type", "Art", "Vorgang", "Transactie"],
            symbol=["Ticker-Symbol", "Symbol", "Ticker", "ISIN"],
            name=["Produkt", "Product", "Wertpapiername", "Wertpapier", "Name"],
            quantity=["Anzahl", "Stück", "Aantal", "Quantity", "Shares"],
            price=["Kurs", "Koers", "Preis", "Price"],
            currency=["Buchungswährung", "Währung", "Valuta", "Currency"],
            amount=["Betrag", "Bruttobetrag", "Bedrag", "Wert", "Value", "Amount"],
            fee=["Gebühren", "Gebühr", "Transaktionskosten", "Transactiekosten", "Fee", "Fees"],
            tax=["Steuern", "Steuer", "Tax", "Taxes"],
            fx_rate=["Wechselkurs", "Wisselkoers", "Exchange rate"],
            external_id=["Order-ID", "Order ID", "Referenz"],
            note=["Notiz", "Bemerkung", "Note"],
        ),
        delimiter=";",
        decimal=",",
        date_formats=[DateFormat.DOTTED, DateFormat.DASHED, DateFormat.ISO],
        default_currency="EUR",
        kinds={
            "kauf": Meaning.BUY,
            "koop": Meaning.BUY,
            "buy": Meaning.BUY,
            "sparplan": Meaning.BUY,
            "verkauf": Meaning.SELL,
            "verkoop": Meaning.SELL,
            "sell": Meaning.SELL,
            "dividend": Meaning.DIVIDEND,
            "ausschüttung": Meaning.DIVIDEND,
            "zins": Meaning.INTEREST,
            "rente": Meaning.INTEREST,
            "interest": Meaning.INTEREST,
            "einlage": Meaning.DEPOSIT,
            "einzahlung": Meaning.DEPOSIT,
            "storting": Meaning.DEPOSIT,
            "deposit": Meaning.DEPOSIT,
            "entnahme": Meaning.WITHDRAWAL,
            "auszahlung": Meaning.WITHDRAWAL,
            "withdrawal": Meaning.WITHDRAWAL,
            "gebühr": Meaning.FEE,
            "fee": Meaning.FEE,
            "steuer": Meaning.TAX,
            "tax": Meaning.TAX,
            "einlieferung": Meaning.TRANSFER_IN,
            "auslieferung": Meaning.TRANSFER_OUT,
        },
    ),
    Preset.GHOSTFOLIO: Layout(
        columns=Columns(
            date=["Date"],
            kind=["Action", "Type"],
            symbol=["Code", "Symbol"],
            quantity=["Quantity"],
            price=["Price", "Unit Price", "unitPrice"],
            currency=["Currency"],
            fee=["Fee"],
            note=["Note", "Comment"],
        ),
        date_formats=[DateFormat.ISO, DateFormat.DASHED],
        kinds={
            "buy": Meaning.BUY,
            "sell": Meaning.SELL,
            "dividend": Meaning.DIVIDEND,
            "interest": Meaning.INTEREST,
            "fee": Meaning.FEE,
        },
    ),
    Preset.WEALTHFOLIO: Layout(
        columns=Columns(
            date=["date"],
            kind=["activityType"],
            symbol=["symbol"],
            quantity=["quantity"],
            price=["unitPrice"],
            currency=["currency"],
            amount=["amount"],
            fee=["fee"],
            fx_rate=["fxRate"],
            ratio=["amount"],
            external_id=["id"],
            note=["comment"],
        ),
        kinds={**_OWN_KINDS, "add_holding": Meaning.TRANSFER_IN, "remove_holding": Meaning.TRANSFER_OUT},
    ),
}

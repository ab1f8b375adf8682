"""Rebalancing: proposals in Delta and ClickHouse, policies and the proposals that their owners see in PostgreSQL."""

from dataclasses import replace

from lakehouse.contracts.model import Column, Engine, Store, Table, Type
from lakehouse.contracts.tables.gold import BOTH, base_money

POSTGRES = (Store.POSTGRES,)


def _share(name: str, doc: str) -> Column:
    return Column(name, Type.FLOAT64, doc, unit="share of the portfolio's value")


OUTCOME = (
    Column(
        "status",
        Type.STRING,
        "proposed (there are trades), within_bands, nothing_to_trade, kept (no solution) or refused (not computable)",
    ),
    Column("reasons", Type.STRING, "JSON: array of sentences: why it is as it is"),
    Column("regime", Type.STRING, "bull, bear or sideways: the regime whose aim was used"),
    Column("regime_source", Type.STRING, "rule or model that told the regime"),
    Column("objective", Type.STRING, "what the weights were to achieve, as min_variance"),
    base_money("value_base", "cash and holdings before trading"),
    base_money("cash_before_base", "cash that nothing keeps back, before trading"),
    base_money(
        "cash_after_base",
        "the same after all trades and their costs, without what sales bring of another currency; never negative "
        "unless it was before",
    ),
    _share("drift_before", "half the sum of |weight - target|, cash included"),
    _share("drift_after", "the same after the trades"),
    _share("turnover", "value of all trades, buys and sales added"),
    base_money("cost_base", "estimated commission and half spread of all trades"),
    base_money(
        "tax_base",
        "estimated tax on the gains that sales realise, losses set off; of lots in another currency it is not counted",
    ),
    _share("volatility_before", "standard deviation of a year's return, cash included"),
    _share("volatility_after", "the same after the trades"),
    _share("var_99_before", "one-day value at risk at 99 % by history, positive for a loss"),
    _share("var_99_after", "the same after the trades"),
    _share("es_975_before", "one-day expected shortfall at 97.5 % by history, positive for a loss"),
    _share("es_975_after", "the same after the trades"),
    Column("trade_count", Type.INT32, "trades"),
    Column("lots_method", Type.STRING, "milp, greedy (the integer program had no answer in time) or none"),
    Column("solver", Type.STRING, "solver of the weights"),
    Column("conventions", Type.STRING, "estimators and units behind weights and risk"),
    Column("weights", Type.STRING, "JSON: array of symbol, before, target, step (wanted now) and after"),
    Column("versions", Type.STRING, "JSON: versions of the libraries behind it"),
)
TRADE = (
    Column("line", Type.INT32, "place among the proposal's trades, from 0"),
    Column("symbol", Type.STRING, "instrument"),
    Column("side", Type.STRING, "buy or sell"),
    Column("quantity", Type.DECIMAL, "whole units", unit="units", precision=28, scale=8),
    Column(
        "reference_price",
        Type.DECIMAL,
        "close that everything is computed with",
        unit="base currency per unit",
        precision=18,
        scale=8,
    ),
    base_money("notional_base", "quantity times reference price"),
    base_money("cost_base", "estimated commission and half spread"),
    base_money("short_gain_base", "gain that the sale realises on lots held for a year at most; negative for a loss"),
    base_money("long_gain_base", "the same on lots held for longer"),
    Column("lots", Type.STRING, "JSON: array of lot and quantity: what the sale should close for the least tax"),
    Column("note", Type.STRING, "what the owner should know, a wash sale for one; empty for nothing"),
)
DOCUMENTS = frozenset({"reasons", "weights", "versions", "lots"})
"""JSON, which PostgreSQL keeps as such and the lake as text."""


def _as_documents(columns: tuple[Column, ...]) -> tuple[Column, ...]:
    return tuple(replace(column, type=Type.JSON) if column.name in DOCUMENTS else column for column in columns)


RUN_ID = Column("run_id", Type.STRING, "run manifest that recomputes it")
DAY = Column("business_date", Type.DATE, "close that it is computed with: the partition")
PORTFOLIO = Column("portfolio_id", Type.UUID, "portfolio")

PROPOSALS = Table(
    name="gold.rebalance_proposals_v1",
    doc="What to trade in every portfolio that was due, and what that changes.",
    grain="business_date, portfolio",
    owner="portfolio",
    columns=(
        DAY,
        PORTFOLIO,
        Column("portfolio_name", Type.STRING, "its name"),
        Column("base_currency", Type.STRING, "ISO 4217 code of the amounts"),
        *OUTCOME,
        RUN_ID,
    ),
    key=("business_date", "portfolio_id"),
    stores=BOTH,
    partition_by="business_date",
    writer=Engine.SPARK,
    checks=("cash_after_base >= 0 OR cash_after_base = cash_before_base", "turnover >= 0", "cost_base >= 0"),
)
TRADES = Table(
    name="gold.rebalance_trades_v1",
    doc="The trades of every proposal, in whole units.",
    grain="business_date, portfolio, line",
    owner="portfolio",
    columns=(DAY, PORTFOLIO, *TRADE, RUN_ID),
    key=("business_date", "portfolio_id", "line"),
    stores=BOTH,
    partition_by="business_date",
    writer=Engine.SPARK,
    checks=("quantity > 0", "cost_base >= 0", "notional_base >= 0"),
)
POLICY = Table(
    name="app.rebalance_policy",
    doc="How a portfolio is kept: its aim in each regime, its pace, bands, costs and taxes, and when it is due.",
    grain="portfolio_id",
    owner="portfolio",
    columns=(
        PORTFOLIO,
        Column("is_enabled", Type.BOOL, "whether proposals are made"),
        Column("frequency", Type.STRING, "daily, weekly, monthly, quarterly, biannual (twice a year) or annual"),
        Column("anchor_on", Type.DATE, "day that due dates are counted from"),
        Column("next_on", Type.DATE, "trading day on which it is due next; overdue where it has passed"),
        Column("proposed_on", Type.DATE, "business date of the newest proposal", nullable=True),
        Column("document", Type.JSON, "the rest of the policy, as lakehouse.construction.policy_document writes it"),
        Column("version", Type.INT32, "goes up by one with each change"),
        Column("created_at", Type.TIMESTAMP, "when it was made"),
        Column("updated_at", Type.TIMESTAMP, "when it last changed"),
        Column("is_automatic", Type.BOOL, "whether proposals become orders without being confirmed"),
    ),
    key=("portfolio_id",),
    stores=POSTGRES,
)
ALLOCATION = Table(
    name="app.allocation",
    doc="Whether weights were computed for a portfolio since they were last asked for.",
    grain="portfolio_id",
    owner="portfolio",
    columns=(
        PORTFOLIO,
        Column("status", Type.STRING, "pending (to be computed), ready or failed"),
        Column("reason", Type.STRING, "why it failed; empty otherwise"),
        Column("asked_at", Type.TIMESTAMP, "when weights were last asked for"),
        Column("called_at", Type.TIMESTAMP, "when the scheduler was last told that it waits", nullable=True),
        Column("done_at", Type.TIMESTAMP, "when it was ready or failed; absent while pending", nullable=True),
        Column("proposal_id", Type.UUID, "the proposal that came of it; absent unless ready", nullable=True),
    ),
    key=("portfolio_id",),
    stores=POSTGRES,
)
PROPOSAL = Table(
    name="app.proposal",
    doc="Proposals as their owners see them: a copy of gold.rebalance_proposals_v1, with what became of each.",
    grain="id",
    owner="portfolio",
    columns=(
        Column("id", Type.UUID, "UUIDv7"),
        Column("portfolio_id", Type.UUID, "portfolio; it has one proposal a business date"),
        Column("business_date", Type.DATE, "close that it is computed with"),
        Column("base_currency", Type.STRING, "ISO 4217 code of the amounts"),
        Column("state", Type.STRING, "open (may be acted on) or superseded (a newer one is there)"),
        *_as_documents(OUTCOME),
        RUN_ID,
        Column("created_at", Type.TIMESTAMP, "when it was delivered"),
        Column("confirmed_at", Type.TIMESTAMP, "when it first became orders; absent before", nullable=True),
    ),
    key=("id",),
    stores=POSTGRES,
)
PROPOSAL_TRADE = Table(
    name="app.proposal_trade",
    doc="The trades of a proposal, in whole units.",
    grain="proposal_id, line",
    owner="portfolio",
    columns=(
        Column("proposal_id", Type.UUID, "proposal"),
        *_as_documents(TRADE),
        Column("order_id", Type.UUID, "the order that it became; absent before", nullable=True),
    ),
    key=("proposal_id", "line"),
    stores=POSTGRES,
)

TABLES: tuple[Table, ...] = (PROPOSALS, TRADES, POLICY, ALLOCATION, PROPOSAL, PROPOSAL_TRADE)

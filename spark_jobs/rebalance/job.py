"""Proposals for every portfolio that is due: small work, done inline; Spark reads, stages and publishes."""

from collections.abc import Mapping
from dataclasses import asdict
from decimal import Decimal
from typing import Any

import pyarrow as pa
from pyspark.sql import DataFrame, functions as F

from lakehouse.construction.proposal import Proposal
from lakehouse.contracts.jobs import REBALANCE_DAILY
from lakehouse.contracts.tables.gold import RETURNS_DAILY
from lakehouse.contracts.tables.rebalancing import PROPOSALS, TRADES
from lakehouse.contracts.tables.silver import POSITIONS
from ml.inference.regime_model import regime_in_use
from spark_jobs.kit.frames import from_arrow
from spark_jobs.kit.model import Batch, Computed, Output, partitions
from spark_jobs.kit.rates import lake_rates
from spark_jobs.kit.reference import contracts
from spark_jobs.kit.run import Run
from spark_jobs.rebalance import policies
from spark_jobs.rebalance.parameters import Parameters, Windows, parse
from spark_jobs.rebalance.proposals import by_symbol, market_regime, proposal_of
from spark_jobs.rebalance.rows import proposal_rows, trade_rows

CLOSES = ("symbol", "business_date", "previous_date", "currency", "close", "simple_return")


def plan(run: Run) -> dict[str, Any]:
    """The windows, the regime model in use, every portfolio that is due with its policy, cash and lots now, and which
    instruments are contracts of several units."""
    return {
        "windows": asdict(Windows()),
        "regime_model": regime_in_use(run.settings.mlflow, run.settings.home / "models"),
        "due": policies.due(run.settings.postgres, run.business_date),
        "multipliers": contracts(run.settings.postgres),
    }


def compute(run: Run, parameters: Mapping[str, Any]) -> Computed:
    """A proposal for each of them. The whole of the day's partitions is replaced; nobody due makes them empty."""
    chosen = parse(parameters)
    found = _proposals(run, chosen) if chosen.due else ()
    names = {due.portfolio_id: due.name for due in chosen.due}
    rows = ((PROPOSALS, proposal_rows(found, names, run.run_id)), (TRADES, trade_rows(found, run.run_id)))
    return Computed(
        tuple(
            Output(
                table,
                from_arrow(run.session, made).select(*table.column_names),
                partitions(table, (run.business_date,)),
                minimum=made.num_rows,
                maximum=made.num_rows,
            )
            for table, made in rows
        )
    )


def _proposals(run: Run, chosen: Parameters) -> tuple[Proposal, ...]:
    day = run.business_date
    ids = [str(due.portfolio_id) for due in chosen.due]
    held = units_by_portfolio(_held(run.read(POSITIONS), run, ids).toArrow())
    closes = by_symbol(_closes(run.read(RETURNS_DAILY), run, chosen.windows).toArrow(), chosen.multipliers)
    reading = market_regime(closes, chosen.windows, chosen.regime_model)
    currencies = {*(due.currency for due in chosen.due), *(found.currency for found in closes.values())}
    rates = lake_rates(run, currencies, range(chosen.windows.first_year(day) - 1, day.year + 1))
    return tuple(
        proposal_of(due, held.get(str(due.portfolio_id), {}), closes, reading, day, chosen.windows, rates)
        for due in chosen.due
    )


def units_by_portfolio(rows: pa.Table) -> dict[str, dict[str, Decimal]]:
    """Units by symbol of each portfolio (portfolio_id, symbol, quantity)."""
    held: dict[str, dict[str, Decimal]] = {}
    for row in rows.to_pylist():
        held.setdefault(row["portfolio_id"], {})[row["symbol"]] = row["quantity"]
    return held


def _held(positions: DataFrame, run: Run, ids: list[str]) -> DataFrame:
    today = F.col("business_date") == F.lit(run.business_date)
    return positions.where(today & F.col("portfolio_id").isin(*ids)).select("portfolio_id", "symbol", "quantity")


def _closes(returns: DataFrame, run: Run, windows: Windows) -> DataFrame:
    years = F.col("business_year").between(windows.first_year(run.business_date), run.business_date.year)
    return returns.where(years & (F.col("business_date") <= F.lit(run.business_date))).select(*CLOSES)


JOB = Batch(REBALANCE_DAILY, plan, compute)

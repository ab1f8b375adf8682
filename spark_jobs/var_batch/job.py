"""Risk of every portfolio by every method: what it comes from, how it was forecast, and what it rests on."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from lakehouse.contracts.jobs import VAR_BATCH
from lakehouse.contracts.tables.gold import PORTFOLIO_RISK, RETURNS_DAILY
from lakehouse.contracts.tables.risk import UNMEASURED
from lakehouse.contracts.tables.silver import DAILY_BARS, POSITIONS
from lakehouse.risk.checks import RiskError
from lakehouse.risk.methods import BATCH_METHODS
from spark_jobs.kit.errors import DataError
from spark_jobs.kit.frames import from_arrow
from spark_jobs.kit.holdings import positions
from spark_jobs.kit.model import Audits, Batch, Computed, Output, no_counts, partitions
from spark_jobs.kit.rates import lake_rates
from spark_jobs.kit.reference import reference
from spark_jobs.kit.run import Run
from spark_jobs.var_batch import transforms
from spark_jobs.var_batch.book import Book, assemble, current, held_symbols, levels
from spark_jobs.var_batch.measure import measured
from spark_jobs.var_batch.metrics import Beside, beside
from spark_jobs.var_batch.parameters import Parameters, parse

CALENDAR_DAYS = 3
"""Calendar days to read for each day of volume: enough for weekends and holidays."""


class UnmeasurableError(DataError):
    """The risk library refused the book."""


def plan(run: Run) -> dict[str, Any]:
    """The standard parameters, with sectors and multipliers of what is held; what else decides is pinned with the
    inputs."""
    symbols = held_symbols(_holdings(run), run.business_date)
    sectors, multipliers = reference(run.settings.postgres, symbols)
    return replace(Parameters(), sectors=sectors, multipliers=multipliers).document()


def compute(run: Run, parameters: Mapping[str, Any]) -> Computed:
    """The risk of the business date and all that explains it. The whole of the day's partitions is replaced."""
    chosen = parse(parameters)
    book, around = _book(run, chosen)
    try:
        tables = measured(run.session, book, around, chosen, run.business_date, run.run_id)
    except RiskError as error:
        raise UnmeasurableError(f"risk as of {run.business_date} cannot be measured: {error}") from error
    return Computed(
        tuple(
            Output(
                table,
                from_arrow(run.session, rows).select(*table.column_names),
                partitions(table, (run.business_date,)),
                minimum=rows.num_rows,
                maximum=rows.num_rows,
            )
            for table, rows in tables
        ),
        partial(_reconciled, book, chosen),
    )


def _reconciled(book: Book, chosen: Parameters, audits: Audits) -> dict[str, int]:
    """Every portfolio is measured or has a reason, by every method at every confidence and horizon."""
    rows = no_counts(audits)
    everyone = len(book.portfolios) + len(book.unmeasured)
    wanted = everyone * len(BATCH_METHODS) * len(chosen.levels) * len(chosen.horizons)
    found = rows[PORTFOLIO_RISK.name] + rows[UNMEASURED.name]
    if found != wanted:
        raise DataError(f"{everyone} portfolios need {wanted} numbers or reasons, and {found} were computed")
    return {**rows, "portfolios": everyone, "unmeasured_portfolios": len(book.unmeasured)}


def _holdings(run: Run) -> pa.Table:
    return positions(run.read(POSITIONS), run.business_date).toArrow()


def _book(run: Run, chosen: Parameters) -> tuple[Book, Beside]:
    day = run.business_date
    holdings = _holdings(run)
    symbols = held_symbols(holdings, day)
    wanted = (*symbols, chosen.benchmark) if chosen.benchmark else symbols
    closes = transforms.closes(run.read(RETURNS_DAILY), wanted, day.year - chosen.years_needed, day).toArrow()
    held = closes.filter(pc.is_in(closes["symbol"], pa.array(symbols)))
    market = current(closes.filter(pc.equal(closes["symbol"], chosen.benchmark)))
    currencies = {*holdings["base_currency"].to_pylist(), *pc.unique(held["currency"]).to_pylist()}
    rates = lake_rates(run, currencies, range(day.year - chosen.years_needed - 1, day.year + 1))
    first = day - timedelta(days=CALENDAR_DAYS * chosen.volume_days)
    bars = transforms.bars(run.read(DAILY_BARS), symbols, first, day).toArrow()
    try:
        book = assemble(holdings, held, day, chosen.returns_needed, multiplier=chosen.multiplier, rates=rates)
    except RiskError as error:
        raise UnmeasurableError(f"closes up to {day} cannot be used: {error}") from error
    benchmark = dict(zip(market["business_date"].to_pylist(), levels(market).tolist(), strict=True))
    return book, beside(book, bars, benchmark, chosen)


JOB = Batch(VAR_BATCH, plan, compute)

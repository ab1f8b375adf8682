"""Publishes the lake's closes, values every portfolio by them, and counts the books again.

Runs every night. `daily_closes` brings silver's daily bars to PostgreSQL; `portfolio_valuations` keeps what each
portfolio was worth at the closes of the last week; both write the same again when they run twice. `books_recount`
counts positions, lots and balances again from the transactions and entries that they follow from, and writes nothing;
it waits for neither: a lake that is down must not hide books that disagree.

**If it fails** in `daily_closes` or `portfolio_valuations`, an engine did not answer: clear the task. Until then values
rest on older closes and say so.

**If it fails** in `books_recount` with a finding, stored money or units are not what was booked (ADR 0018), and no
retry mends that: the log names what disagrees, `tidemark books verify` lists all of it. Stop trading in the portfolio
that is named, then fold it again by setting its account's lot method anew (`PATCH /api/v1/accounts/{id}`); a balance
that disagrees with its entries is a bug or tampering: compare with a backup before anything is changed.
"""

from airflow.sdk import chain

from dags.kit.dag import lakehouse_dag  # Airflow reads only files that name it
from dags.kit.operator import submit
from dags.kit.schedules import nightly

with lakehouse_dag("books_nightly", doc=__doc__, owner="books", tier="tier_1", schedule=nightly()):
    chain(submit("daily_closes"), submit("portfolio_valuations"))
    submit("books_recount")

"""Counts the books again: positions, lots and balances from the transactions and entries that they follow from.

Runs every night and writes nothing.

**If it fails** with a finding, stored money or units are not what was booked (ADR 0018), and no retry mends that: the
log names what disagrees, `tidemark books verify` lists all of it. Stop trading in the portfolio that is named, then
fold it again by setting its account's lot method anew (`PATCH /api/v1/accounts/{id}`); a balance that disagrees with
its entries is a bug or tampering: compare with a backup before anything is changed.
"""

from dags.kit.dag import lakehouse_dag  # Airflow reads only files that name it
from dags.kit.operator import submit
from dags.kit.schedules import nightly

with lakehouse_dag("books_nightly", doc=__doc__, owner="books", tier="tier_1", schedule=nightly()):
    submit("books_recount")

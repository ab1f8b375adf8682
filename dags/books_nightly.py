"""Counts the books again: positions, lots and balances from the transactions and entries that they follow from.

Runs every night and writes nothing. A finding fails the task for good, naming the portfolio and what disagrees: stored
money or units are then not what was booked (ADR 0018), and `tidemark books verify` lists everything.
"""

from dags.kit.dag import lakehouse_dag  # Airflow reads only files that name it
from dags.kit.operator import submit
from dags.kit.schedules import nightly

with lakehouse_dag("books_nightly", doc=__doc__, owner="books", tier="tier_1", schedule=nightly()):
    submit("books_recount")

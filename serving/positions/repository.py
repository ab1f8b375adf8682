"""The table of positions."""

from lakehouse.contracts.tables.books import POSITION
from serving.kit.crud.collection import Collection
from serving.positions.schemas import PositionOut
from serving.transactions.repository import READABLE

POSITIONS = Collection(POSITION, PositionOut, noun="position", readable=READABLE, writable="false")

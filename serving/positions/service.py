"""Reads of positions; transactions write them."""

from lakehouse.clock import Clock
from serving.kit.crud.repository import CrudRepository
from serving.kit.crud.service import CrudService
from serving.kit.database import Database
from serving.positions.repository import POSITIONS
from serving.positions.schemas import PositionOut


class PositionService(CrudService[PositionOut, PositionOut]):
    """Positions of the caller's portfolios."""

    def __init__(self, database: Database, clock: Clock) -> None:
        super().__init__(database, CrudRepository(database, POSITIONS), clock)

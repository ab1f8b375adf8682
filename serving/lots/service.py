"""Reads of lots; transactions write them."""

from lakehouse.clock import Clock
from serving.kit.crud.repository import CrudRepository
from serving.kit.crud.service import CrudService
from serving.kit.database import Database
from serving.lots.repository import LOTS
from serving.lots.schemas import LotOut


class LotService(CrudService[LotOut, LotOut]):
    """Open lots of the caller's portfolios."""

    def __init__(self, database: Database, clock: Clock) -> None:
        super().__init__(database, CrudRepository(database, LOTS), clock)

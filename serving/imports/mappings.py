"""Saved layouts: rows like any other."""

from lakehouse.clock import Clock
from serving.imports.repository import MAPPINGS
from serving.imports.schemas import MappingIn, MappingOut
from serving.kit.crud.repository import CrudRepository
from serving.kit.crud.service import CrudService
from serving.kit.database import Database


class MappingService(CrudService[MappingIn, MappingOut]):
    """Layouts that the caller has saved."""

    def __init__(self, database: Database, clock: Clock) -> None:
        super().__init__(database, CrudRepository(database, MAPPINGS), clock)

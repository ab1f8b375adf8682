"""What may be asked about executions."""

from uuid import UUID

from lakehouse.clock import Clock
from serving.kit.crud.service import CrudService
from serving.kit.database import Database
from serving.kit.problems import ApiError
from serving.trades.repository import TRADES, TradeRepository
from serving.trades.schemas import TradeIn, TradeOut


class TradeNotFound(ApiError):
    """No execution has this id, or it belongs to somebody else."""

    status = 404
    code = "trade_not_found"
    title = "No such trade"

    def __init__(self, trade_id: UUID) -> None:
        super().__init__(f"There is no trade {trade_id} of yours; GET /api/v1/trades lists those that you have.")


class TradeService(CrudService[TradeIn, TradeOut]):
    """Reads of executions."""

    def __init__(self, database: Database, clock: Clock) -> None:
        super().__init__(database, TradeRepository(database, TRADES), clock)

    def missing(self, row_id: UUID) -> ApiError:
        """The refusal for an execution that is nobody's, or somebody else's."""
        return TradeNotFound(row_id)

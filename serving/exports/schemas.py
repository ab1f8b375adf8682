"""What may be exported, and how."""

from enum import StrEnum
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field


class Kind(StrEnum):
    """What is exported."""

    TRANSACTIONS = "transactions"
    POSITIONS = "positions"
    LOTS = "lots"
    CLOSURES = "closures"
    VALUATIONS = "valuations"


class Format(StrEnum):
    """How it is written."""

    CSV = "csv"
    NDJSON = "ndjson"
    PARQUET = "parquet"


class ExportQuery(BaseModel):
    """What is exported, and how."""

    model_config = ConfigDict(extra="forbid")

    portfolio_id: UUID = Field(description="portfolio")
    kind: Kind = Field(Kind.TRANSACTIONS, description="rows that are wanted")
    format: Format = Field(Format.CSV, description="how they are written")

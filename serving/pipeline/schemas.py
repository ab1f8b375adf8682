"""The state of the pipelines on the wire."""

from datetime import date, datetime
from typing import Annotated

from pydantic import BaseModel, Field

Why = Annotated[str | None, Field(description="why this part is not known; null where it is")]


class DagRun(BaseModel):
    """The newest run of a DAG."""

    dag_id: str
    state: str | None = Field(description="null where it never ran")
    partition: str | None = Field(description="business date that it ran for")
    started_at: datetime | None
    ended_at: datetime | None


class Dags(BaseModel):
    """Airflow's part."""

    unavailable: Why
    dags: list[DagRun]


class TopicLag(BaseModel):
    """Messages of a topic that are not landed yet."""

    topic: str
    messages: int = Field(ge=0, description="on the broker now")
    lag: int | None = Field(ge=0, description="not committed by the lander; null before its first commit")


class Lags(BaseModel):
    """Kafka's part."""

    unavailable: Why
    topics: list[TopicLag]


class Outbox(BaseModel):
    """Events on their way from PostgreSQL to Kafka."""

    unavailable: Why
    waiting: int | None = Field(ge=0, description="events not relayed yet")
    oldest_age_s: float | None = Field(ge=0, description="age of the oldest of them")


class Asset(BaseModel):
    """The last good publish of a table."""

    table: str
    job: str | None = Field(description="job that publishes it")
    partition: str | None = Field(description="newest partition; null where nothing was ever published")
    delta_version: int | None
    rows: int | None = Field(description="rows of that partition")
    published_at: datetime | None
    age_s: float | None = Field(ge=0)
    max_age_h: int | None = Field(
        description="how old it may get, in hours of trading days; null where no job promises it"
    )
    is_fresh: bool | None = Field(description="null where no job promises it")


class Assets(BaseModel):
    """Freshness of every table."""

    unavailable: Why
    tables: list[Asset]


class JobRun(BaseModel):
    """The newest run of a job, and the last one that published."""

    job: str
    run_id: str
    state: str
    business_date: date
    started_at: datetime
    finished_at: datetime | None
    last_published_at: datetime | None = Field(description="null where it never published")


class Runs(BaseModel):
    """Run manifests."""

    unavailable: Why
    jobs: list[JobRun]


class PipelineStatus(BaseModel):
    """Everything at once; a part that cannot be known says why and leaves the others alone."""

    as_of: datetime
    is_complete: bool = Field(description="false where a part is unavailable")
    is_fresh: bool | None = Field(description="whether every promised table is fresh; null where that is not known")
    dags: Dags
    landing: Lags
    outbox: Outbox
    assets: Assets
    runs: Runs

"""Risk as a room of the API."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from serving.kit.lifecycle import background
from serving.kit.rooms import Platform, Room, Services, service
from serving.portfolios.service import PortfolioService
from serving.risk import (
    detail_endpoints,
    endpoints,
    on_demand,
    on_demand_endpoints,
    revaluation_endpoints,
    stress_endpoints,
)
from serving.risk.book_repository import BookRepository
from serving.risk.detail_repository import DetailRepository
from serving.risk.detail_service import RiskDetailService
from serving.risk.job_repository import JobRepository
from serving.risk.jobs import JobNotFound, RiskJobs, TooManyJobs, Worker
from serving.risk.on_demand import OnDemand
from serving.risk.repository import RiskRepository
from serving.risk.revaluation_repository import TermsRepository
from serving.risk.revaluation_service import Revaluation
from serving.risk.service import EmptyDateRange, RiskNotPublished, RiskService
from serving.risk.stress_repository import StressRepository
from serving.risk.stress_service import StressService

COMPUTED = (
    "Risk is computed, never written by a client: POST /api/v1/risk-metrics/compute measures a portfolio now, "
    "POST /api/v1/risk-metrics/compute-batch many, POST /api/v1/risk-metrics/revalue options and bonds too; the "
    "risk_daily DAG publishes what GET lists."
)


def make(platform: Platform) -> dict[str, object]:
    """The services of published risk and of risk on request."""
    portfolios = PortfolioService(platform.database, platform.clock)
    books = BookRepository(platform.database, platform.marts)
    now = OnDemand(books, portfolios)
    revaluation = Revaluation(books, TermsRepository(platform.database), portfolios)
    jobs = RiskJobs(platform.database, JobRepository(platform.database), now, platform.clock)
    published = RiskService(RiskRepository(platform.marts), portfolios)
    detail = RiskDetailService(DetailRepository(platform.marts), portfolios)
    stress = StressService(StressRepository(platform.marts), portfolios)
    return {
        "risk": published,
        "risk_detail": detail,
        "risk_stress": stress,
        "risk_on_demand": now,
        "risk_revaluation": revaluation,
        "risk_jobs": jobs,
    }


@asynccontextmanager
async def run(platform: Platform, services: Services) -> AsyncIterator[None]:
    """The worker of this process."""
    worker = Worker(
        JobRepository(platform.database),
        service(services, "risk_on_demand", OnDemand),
        clock=platform.clock,
        metrics=platform.metrics,
        wake=service(services, "risk_jobs", RiskJobs).wake,
    )
    async with background(platform.metrics, risk_jobs=partial(worker.run, platform.lifecycle)):
        yield


ROOM = Room(
    routers=(
        on_demand_endpoints.router,
        revaluation_endpoints.router,
        endpoints.router,
        detail_endpoints.router,
        stress_endpoints.router,
    ),
    make=make,
    refusals=(EmptyDateRange, RiskNotPublished, JobNotFound, TooManyJobs, *on_demand.REFUSALS),
    tags=(("risk", "VaR and expected shortfall: published by the batch, or computed on request."),),
    run=run,
    guidance={"/api/v1/risk-metrics": COMPUTED},
)

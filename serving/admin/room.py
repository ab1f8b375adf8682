"""Administration as a room of the API."""

from serving.admin.dashboard import DashboardService
from serving.admin.endpoints import Administration, router
from serving.admin.halts import HaltNotFound, HaltRefused, HaltService
from serving.admin.repository import AdminRepository
from serving.admin.scheduler import Scheduler, SchedulerUnavailable
from serving.admin.service import AdminService, OwnRights, UserNotFound
from serving.kit.rooms import Platform, Room


def make(platform: Platform) -> dict[str, object]:
    """The services of administration."""
    settings, clock = platform.settings, platform.clock
    repository = AdminRepository(platform.database)
    return {
        "administration": Administration(
            users=AdminService(platform.database, clock),
            dashboard=DashboardService(repository, platform.metrics, platform.redis, clock),
            halts=HaltService(platform.database, clock),
            scheduler=Scheduler(settings.airflow, clock, timeout_s=settings.serving.query_timeout_s),
        )
    }


ROOM = Room(
    routers=(router,),
    make=make,
    refusals=(UserNotFound, OwnRights, HaltNotFound, HaltRefused, SchedulerUnavailable),
    tags=(
        (
            "admin",
            "Users, the platform in numbers, the scheduler, the audit log, what stops trading: for administrators.",
        ),
    ),
)

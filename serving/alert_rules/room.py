"""Alert rules as a room of the API."""

from serving.alert_rules.endpoints import TAG, router, rows
from serving.alert_rules.service import AlertRuleService, TooManyRules
from serving.kit.rooms import Platform, Room


def make(platform: Platform) -> dict[str, object]:
    """The service of alert rules."""
    return {"alert_rules": AlertRuleService(platform.database, platform.clock)}


ROOM = Room(
    routers=(router, rows),
    make=make,
    refusals=(TooManyRules,),
    tags=((TAG, "What you want to be told about positions, portfolios and symbols, within a fraction of a second."),),
)

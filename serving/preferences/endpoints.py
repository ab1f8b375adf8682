"""Routes of preferences: they translate, the service decides."""

from serving.kit.access import Scope
from serving.kit.crud.routes import Models, Resource, router_of
from serving.preferences.schemas import PreferenceIn, PreferenceOut, PreferencePatch, PreferenceQuery

TAG = "user-preferences"

router = router_of(
    Resource(
        prefix="user-preferences",
        tag=TAG,
        noun="user preference",
        plural="user preferences",
        service="user_preferences",
        models=Models(PreferenceOut, PreferenceQuery, PreferenceIn, PreferencePatch),
        read=Scope.PROFILE_READ,
        write=Scope.PROFILE_WRITE,
        notes={"delete": "The usual holds again."},
    )
)

"""Identity as a room of the API."""

from serving.auth import keys
from serving.auth.authenticator import TokenAuthenticator
from serving.auth.tokens import AccessTokens
from serving.kit.access import NotAllowed, NotAuthenticated
from serving.kit.rooms import Platform, Room


def make(platform: Platform) -> dict[str, object]:
    """The authenticator that every guarded route asks."""
    folder = keys.folder_of(platform.settings)
    keys.ensure(folder, platform.clock)
    tokens = AccessTokens(platform.settings.auth, folder, platform.clock)
    return {"authenticator": TokenAuthenticator(tokens, platform.database)}


ROOM = Room(routers=(), make=make, refusals=(NotAuthenticated, NotAllowed))

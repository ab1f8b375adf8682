"""Trained models that checks of the API use: asked for beside the requests, so that no request waits for a registry."""

import asyncio
from collections.abc import Sequence
from typing import Final

from ml.checks.champion import Champion
from serving.kit.rooms import Platform

REFRESH_S: Final = 60.0
"""How long a promotion may take to be used here."""
FOLDER: Final = "models"


def champion_of(platform: Platform, name: str, features: Sequence[str]) -> Champion:
    """The model of that name; its rules until `keep_fresh` has found one."""
    settings = platform.settings
    return Champion(settings.mlflow, settings.home / FOLDER, name, features)


async def keep_fresh(platform: Platform, champion: Champion) -> None:
    """Ask for the model in use, in a thread, now and each minute until the API ends."""
    while True:
        await asyncio.to_thread(champion.refresh)
        if await platform.lifecycle.pause(REFRESH_S):
            return

"""Trained models that checks of the API use: asked for beside the requests, so that no request waits for a registry."""

import asyncio

from ml.checks.champion import REFRESH_S, Champion
from serving.kit.rooms import Platform


async def keep_fresh(platform: Platform, champion: Champion) -> None:
    """Ask for the model in use, in a thread, now and each minute until the API ends."""
    while True:
        await asyncio.to_thread(champion.refresh)
        if await platform.lifecycle.pause(REFRESH_S):
            return

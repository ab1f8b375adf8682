"""The chain as a room of the API."""

from serving.chain.cache import ChainCache
from serving.chain.endpoints import PREFIX, TAG, router
from serving.chain.service import AnchorIncomplete, ChainService, TransferRefused
from serving.kit.rooms import Platform, Room

ABOUT = """A simulated chain of blocks beside the ledger; its coins are SIM_COIN.

A block's transaction is hashed as SHA-256 of byte 00 and its `content`; two hashes join as SHA-256 of byte 01, left
and right, one without a sibling moves up; a block's hash is SHA-256 of byte 02 and the canonical JSON of
`created_at_us`, `index`, `merkle_root`, `previous_hash` and `transaction_count`."""


def make(platform: Platform) -> dict[str, object]:
    """The service of the chain."""
    cache = ChainCache(platform.redis)
    return {
        "chain": ChainService(platform.database, cache, platform.clock),
    }


ROOM = Room(
    routers=(router,),
    make=make,
    refusals=(TransferRefused, AnchorIncomplete),
    tags=((TAG, ABOUT),),
    guidance={PREFIX: "Blocks are only appended: send coins back by another POST /api/v1/blockchain/transfers."},
)

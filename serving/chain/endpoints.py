"""Routes of the chain: they translate, the service decides."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from lakehouse.stores.postgres import Transaction
from serving.chain.schemas import (
    MAX_INDEX,
    BalanceQuery,
    BlockDetail,
    BlockPage,
    BlockQuery,
    ChainTransactionOut,
    ChainVerification,
    CoinBalanceList,
    CoinSeedIn,
    CoinTransferIn,
    VerifyQuery,
)
from serving.chain.service import ChainService
from serving.kit.access import Principal, Scope, allowed
from serving.kit.conditional import IfNoneMatch, conditional
from serving.kit.idempotency import Answer, IdempotencyKey, Once
from serving.kit.openapi import CONDITIONAL, LINKED, guarded
from serving.kit.paging import link_header

TAG = "blockchain"
PREFIX = "/api/v1/blockchain"

router = APIRouter(prefix=PREFIX, tags=[TAG])


async def service_of(request: Request) -> ChainService:
    """The service that the room made."""
    service: ChainService = request.state.chain
    return service


Service = Annotated[ChainService, Depends(service_of)]
Reader = Annotated[Principal, allowed(Scope.CHAIN_READ)]


def _answer(made: ChainTransactionOut) -> Answer:
    location = {"Location": f"{PREFIX}/transactions/{made.id}"}
    return Answer(201, made.model_dump_json().encode(), location)


@router.get("/blocks", summary="List blocks", responses={**LINKED, **guarded()}, operation_id="list_blocks")
async def list_blocks(
    query: Annotated[BlockQuery, Query()], request: Request, response: Response, service: Service, principal: Reader
) -> BlockPage:
    """Blocks by index, page by page. `next`, and the `Link` header, hold the path of the next page."""
    page = await service.page(query, request.url.path)
    response.headers.update(link_header(page.next))
    return page


@router.get(
    "/blocks/{block_index}",
    summary="Read a block and its transactions",
    response_model=BlockDetail,
    responses={**CONDITIONAL, **guarded(404)},
    operation_id="get_block",
)
async def read_block(
    block_index: Annotated[int, Path(ge=0, le=MAX_INDEX, description="index of the block")],
    service: Service,
    principal: Reader,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """Everybody sees the hash of each transaction, and can compute the Merkle root; what it says is shown to the
    owners of its accounts."""
    return conditional(await service.block(principal, block_index), if_none_match)


@router.get(
    "/transactions/{transaction_id}",
    summary="Read a transaction",
    response_model=ChainTransactionOut,
    responses={**CONDITIONAL, **guarded(404)},
    operation_id="get_chain_transaction",
)
async def read_transaction(
    transaction_id: Annotated[UUID, Path(description="id of the transaction")],
    service: Service,
    principal: Reader,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """A transaction from or to an account of yours."""
    return conditional(await service.transaction(principal, transaction_id), if_none_match)


@router.get("/balances", summary="Read coin balances", responses=guarded(404), operation_id="list_coin_balances")
async def read_balances(
    query: Annotated[BalanceQuery, Query()], service: Service, principal: Reader
) -> CoinBalanceList:
    """Coins of one account of yours, or of all of them that have any."""
    return await service.balances(principal, query)


@router.get("/verify", summary="Verify the chain", responses=guarded(409), operation_id="verify_chain")
async def verify(query: Annotated[VerifyQuery, Query()], service: Service, principal: Reader) -> ChainVerification:
    """Computes every hash again and compares the chain with the ledger; each finding names its block and field.

    Whoever rewrites blocks up to the head consistently is found by an anchor: keep `head` elsewhere, and give it later.
    `tidemark chain verify` does the same for the whole chain.
    """
    return await service.verify(query)


@router.post(
    "/transfers",
    status_code=201,
    summary="Send coins",
    response_model=ChainTransactionOut,
    responses=guarded(404, 409),
    operation_id="create_coin_transfer",
)
async def create_transfer(
    body: CoinTransferIn,
    request: Request,
    service: Service,
    once: Once,
    principal: Annotated[Principal, allowed(Scope.CHAIN_WRITE)],
    idempotency_key: IdempotencyKey,
) -> Response:
    """Moves coins from an account of yours in the ledger and appends the block that says so, in one transaction."""

    async def effect(connection: Transaction) -> Answer:
        return _answer(await service.transfer(connection, principal, body))

    answer = await once.once(request, principal, idempotency_key, effect)
    await service.cache.written()
    return answer


@router.post(
    "/seed-balance",
    status_code=201,
    summary="Make coins",
    response_model=ChainTransactionOut,
    responses=guarded(404, 409),
    operation_id="seed_coin_balance",
)
async def seed_balance(
    body: CoinSeedIn,
    request: Request,
    service: Service,
    once: Once,
    principal: Annotated[Principal, allowed(Scope.ADMIN)],
    idempotency_key: IdempotencyKey,
) -> Response:
    """Makes coins and gives them to an account: a `mint` transaction in a block of its own. For admins."""

    async def effect(connection: Transaction) -> Answer:
        return _answer(await service.seed(connection, principal, body))

    answer = await once.once(request, principal, idempotency_key, effect)
    await service.cache.written()
    return answer

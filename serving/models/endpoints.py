"""Routes of models and forecasts: they translate, the service decides."""

from typing import Annotated

from fastapi import APIRouter, Body, Depends, Request

from serving.kit.access import Principal, Scope, allowed
from serving.kit.openapi import guarded
from serving.models.schemas import EXAMPLE, Forecast, ForecastByModel, Models, OfSymbol, OfValues
from serving.models.service import ModelService

TAG = "models"
router = APIRouter(prefix="/api/v1", tags=[TAG])


async def service_of(request: Request) -> ModelService:
    """The service that the wiring made."""
    service: ModelService = request.state.models
    return service


Service = Annotated[ModelService, Depends(service_of)]
Reader = Annotated[Principal, allowed(Scope.RISK_READ)]


@router.get("/models", summary="List the models", operation_id="list_models", responses=guarded())
async def list_models(service: Service, principal: Reader) -> Models:
    """Registered models with the version in use, the newest challenger, what the gate said about each, and the last
    decision. `tidemark model promote` and `rollback` change the version in use, never this API."""
    return await service.models()


@router.post(
    "/forecast", summary="Forecast the next day's return", operation_id="make_forecast", responses=guarded(404, 409)
)
async def make_forecast(
    body: Annotated[OfSymbol | OfValues, Body(examples=[{"values": EXAMPLE}])], service: Service, principal: Reader
) -> Forecast:
    """Quantiles and volatility of the next trading day's log return, from stored closes of a symbol or from closes that
    are sent, by the model in use.

    Where no model is in use, or it cannot be loaded, the documented baseline answers: normal quantiles around zero at
    the exponentially weighted volatility (decay 0.94). `model` says which it was, and why.
    """
    return await service.forecast(body)


@router.post(
    "/forecast/model",
    summary="Forecast by a model that you name",
    operation_id="make_forecast_by_model",
    responses=guarded(404, 409),
)
async def make_forecast_by_model(body: ForecastByModel, service: Service, principal: Reader) -> Forecast:
    """The same by any registered version of a forecasting model, to compare before it is promoted. A pickled model is
    refused, whoever registered it."""
    return await service.by_model(body)

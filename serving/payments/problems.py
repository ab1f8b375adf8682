"""Refusals of payments and settlements."""

from serving.kit.problems import ApiError


class PaymentRefused(ApiError):
    """The payment contradicts the state of an account; the detail says which rule it breaks."""

    status = 409
    code = "payment_refused"
    title = "The payment cannot be made"


class PaymentSettled(ApiError):
    """The money has moved, was stopped or was given back: the payment does not change any more."""

    status = 409
    code = "payment_not_open"
    title = "The payment cannot be changed any more"


class SecondPersonNeeded(ApiError):
    """Whoever ordered the payment cannot decide about it."""

    status = 403
    code = "second_person_needed"
    title = "Another person has to decide"


REFUSALS: tuple[type[ApiError], ...] = (PaymentRefused, PaymentSettled, SecondPersonNeeded)

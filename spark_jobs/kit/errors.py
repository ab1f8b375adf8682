"""The two ways in which a job fails on purpose, told apart because only one of them is worth another try."""

from lakehouse.contracts.job_process import JobExit
from lakehouse.errors import TidemarkError


class DataError(TidemarkError):
    """The input, a check or a contract is wrong: the same run fails again until those change."""

    exit_code = JobExit.DATA


class UnavailableError(TidemarkError):
    """An engine did not answer, or a lock stayed taken: worth another try."""

    exit_code = JobExit.UNAVAILABLE


class NothingToDo(TidemarkError):
    """The day has no input by the calendar: nothing was published, and nothing is wrong."""

    exit_code = JobExit.NOTHING_TO_DO

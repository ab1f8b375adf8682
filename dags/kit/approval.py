"""What comes after trainings: a job that one failed training does not stop, and a person's approval of it."""

from collections.abc import Sequence
from datetime import timedelta

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import BaseOperator, TriggerRule, chain

from dags.kit.dag import RUN_TIMEOUT
from dags.kit.operator import task_of
from lakehouse.contracts.model import Job
from lakehouse.settings import load

ALL_TRAINED = "all_trained"
ANSWER_WITHIN = timedelta(days=6)
"""A run that waits for a person ends before the next week's begins."""
SOME = TriggerRule.ALL_DONE_MIN_ONE_SUCCESS


def run_timeout() -> timedelta:
    """How long a run may take: a person who is asked for an approval needs more than a job."""
    return ANSWER_WITHIN if load().mlflow.approval else RUN_TIMEOUT


def after_trainings(trainings: Sequence[BaseOperator], spec: Job, *, subject: str) -> None:
    """Run the job when all `trainings` have ended and at least one has succeeded; with `mlflow.approval`, when somebody
    has approved that in Airflow: the job is told who. A refusal skips it and fails nothing.

    A training that fails fails the run nevertheless: the mark `all_trained` stands for all of them.
    """
    chain(trainings, EmptyOperator(task_id=ALL_TRAINED))
    if not load().mlflow.approval:
        chain(trainings, task_of(spec, trigger_rule=SOME))
        return
    asking = ApprovalOperator(
        task_id=f"approve_{spec.name}",
        subject=subject,
        body="`tidemark model show NAME` tells what the gate said about each challenger.",
        owner=spec.owner,
        trigger_rule=SOME,
    )
    chain(trainings, asking, task_of(spec, approval=asking.task_id))

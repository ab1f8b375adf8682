"""A person's approval before a job, where the settings ask for one."""

from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import BaseOperator

from dags.kit.operator import submit
from lakehouse.settings import load


def approved(name: str, *, subject: str) -> list[BaseOperator]:
    """The task of the job called `name`; before it, with `mlflow.approval`, one that waits until somebody approves in
    Airflow. A refusal skips the job."""
    task = submit(name)
    if not load().mlflow.approval:
        return [task]
    asking = ApprovalOperator(
        task_id=f"approve_{name}",
        subject=subject,
        body="`tidemark model show NAME` tells what the gate said about each challenger.",
        owner=task.owner,
    )
    return [asking, task]

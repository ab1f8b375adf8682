"""Run actions in parallel, each as soon as those it waits for are done."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter

from lakehouse.errors import TidemarkError

WORKERS = 24


class GraphError(TidemarkError):
    """The nodes wait for each other in a circle, or for a node that is not there."""


class NodesFailedError(TidemarkError):
    """Some actions failed; the message has each one's own message."""


@dataclass(frozen=True, slots=True)
class Node:
    """One action and the names of the actions it waits for."""

    name: str
    after: tuple[str, ...]
    run: Callable[[], None]


def run(nodes: Iterable[Node], abort: Callable[[], None]) -> None:
    """Run every node; after a failure nothing new starts, but what runs is waited for. Blocking.

    `abort` is called when this thread is interrupted (Ctrl-C): it must make the running actions end soon.
    Raises GraphError before anything runs; NodesFailedError with the message of each anticipated failure; other
    exceptions pass through.
    """
    by_name = {node.name: node for node in nodes}
    sorter = _sorter({node.name: node.after for node in by_name.values()})
    failures: list[tuple[str, TidemarkError]] = []
    with ThreadPoolExecutor(max_workers=WORKERS, thread_name_prefix="stack") as pool:
        running: dict[Future[None], str] = {}
        try:
            while sorter.is_active():
                if not failures:
                    running.update({pool.submit(by_name[name].run): name for name in sorter.get_ready()})
                if not running:
                    break
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    name = running.pop(future)
                    failures.extend(_failure(name, future))
                    sorter.done(name)
        except BaseException:
            abort()
            raise
    if failures:
        raise NodesFailedError("\n".join(f"{name}: {error}" for name, error in failures))


def _failure(name: str, future: "Future[None]") -> list[tuple[str, TidemarkError]]:
    error = future.exception()
    if error is None:
        return []
    if isinstance(error, TidemarkError):
        return [(name, error)]
    raise error


def _sorter(after: Mapping[str, Sequence[str]]) -> TopologicalSorter[str]:
    missing = {wanted for names in after.values() for wanted in names} - set(after)
    if missing:
        raise GraphError(f"waited for but not there: {', '.join(sorted(missing))}")
    sorter = TopologicalSorter(after)
    try:
        sorter.prepare()
    except CycleError as error:
        raise GraphError(f"these wait for each other: {' -> '.join(error.args[1])}") from error
    return sorter

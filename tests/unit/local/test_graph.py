"""Actions run in dependency order, in parallel, and stop after a failure."""

import threading

import pytest

from lakehouse.errors import TidemarkError
from lakehouse.local.graph import GraphError, Node, NodesFailedError, run


class _BrokenError(TidemarkError):
    pass


def test_a_circle_and_an_unknown_name_are_errors() -> None:
    with pytest.raises(GraphError, match="wait for each other"):
        run([Node("a", ("b",), _never), Node("b", ("a",), _never)], _never)
    with pytest.raises(GraphError, match="not there: nowhere"):
        run([Node("a", ("nowhere",), _never)], _never)


def test_independent_nodes_run_at_the_same_time() -> None:
    both = threading.Barrier(2, timeout=60)

    run([Node("left", (), lambda: _pass(both)), Node("right", (), lambda: _pass(both))], _never)


def test_a_failure_is_told_and_keeps_what_waits_for_it_from_starting() -> None:
    done: list[str] = []

    def broken() -> None:
        raise _BrokenError("no disk")

    nodes = [Node("engine", (), broken), Node("api", ("engine",), lambda: done.append("api"))]

    with pytest.raises(NodesFailedError, match="engine: no disk"):
        run(nodes, _never)
    assert done == []


def test_an_interruption_makes_the_running_actions_end() -> None:
    ended = threading.Event()

    def interrupt() -> None:
        raise KeyboardInterrupt

    nodes = [Node("slow", (), lambda: _wait_for(ended)), Node("ctrl-c", (), interrupt)]

    with pytest.raises(KeyboardInterrupt):
        run(nodes, ended.set)
    assert ended.is_set()


def _pass(barrier: threading.Barrier) -> None:
    barrier.wait()


def _wait_for(event: threading.Event) -> None:
    assert event.wait(60)


def _never() -> None:
    raise AssertionError("nothing was interrupted")

"""Which port a process of the stack takes."""

import socket

import pytest

from lakehouse.local.ports import NoFreePortError, choose, holder_of, is_free, port_names
from lakehouse.settings import StackSettings


def _chosen(busy: set[int], keep: dict[str, int] | None = None) -> tuple[dict[str, int], list[str]]:
    ports, notes = choose(
        StackSettings(), keep=keep or {}, free=lambda port: port not in busy, holder=lambda port: f"pid {port}"
    )
    return ports, [f"{note.name} {note.wanted}->{note.chosen} {note.holder}" for note in notes]


def test_preferred_ports_are_taken_when_free() -> None:
    ports, notes = _chosen(set())

    assert ports == {name: getattr(StackSettings(), name) for name in port_names()}
    assert notes == []


def test_a_busy_port_gives_way_to_the_next_free_one_and_names_its_holder() -> None:
    ports, notes = _chosen({9000, 9001})

    assert ports["s3_port"] == 9002
    assert notes == ["s3 9000->9002 pid 9000"]


def test_no_port_is_given_twice() -> None:
    ports, _ = _chosen({9092})  # Kafka moves on to 9093, which the controller prefers

    assert len(set(ports.values())) == len(ports)
    assert ports["kafka_port"] == 9093
    assert ports["kafka_controller_port"] == 9094


def test_ports_of_running_processes_are_kept_although_they_are_busy() -> None:
    ports, notes = _chosen({9005}, keep={"s3_port": 9005})

    assert ports["s3_port"] == 9005
    assert notes == []


def test_no_free_port_names_the_setting() -> None:
    with pytest.raises(NoFreePortError, match="TIDEMARK_STACK__KAFKA_PORT"):
        choose(StackSettings(), keep={}, free=lambda _port: False, holder=str)


def test_a_listener_is_found_with_its_pid() -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        port = server.getsockname()[1]

        assert not is_free(port)
        assert holder_of(port).startswith("pid ")

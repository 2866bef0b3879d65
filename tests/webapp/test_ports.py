"""Ports of the stack: the asked one or a clear error, else a free neighbour."""

from __future__ import annotations

import socket

import pytest

from webapp.stack.errors import StackError
from webapp.stack.ports import choose_port, is_answering, is_free


@pytest.fixture
def busy_port():
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield server.getsockname()[1]


def test_a_busy_port_is_seen_as_such(busy_port: int) -> None:
    assert not is_free(busy_port)
    assert is_answering(busy_port)


def test_a_taken_default_gives_the_next_free_port(busy_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PORT", raising=False)
    chosen = choose_port("PORT", busy_port, set())
    assert chosen > busy_port
    assert is_free(chosen)


def test_a_taken_port_that_was_asked_for_is_an_error_that_names_it(
    busy_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PORT", str(busy_port))
    with pytest.raises(StackError, match=rf"Port {busy_port} \(PORT\) is in use"):
        choose_port("PORT", 8000, set())


@pytest.mark.parametrize("word", ["eighty", "0", "70000", "-1"])
def test_what_is_not_a_port_is_an_error(word: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", word)
    with pytest.raises(StackError, match="must be a port number"):
        choose_port("PORT", 8000, set())


def test_two_services_never_get_the_same_port(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PORT", raising=False)
    first = choose_port("PORT", 20000, set())
    assert choose_port("PORT", 20000, {first}) != first

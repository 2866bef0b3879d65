"""Finding ports: the asked one, or a free one next to the default."""

from __future__ import annotations

import os
import socket

from webapp.stack.errors import StackError

SEARCH_RANGE = 100


def is_free(port: int, host: str = "127.0.0.1") -> bool:
    """Whether a server could listen on this port now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def is_answering(port: int, host: str = "127.0.0.1") -> bool:
    """Whether something accepts connections on this port now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.settimeout(0.5)
        return probe.connect_ex((host, port)) == 0


def choose_port(variable: str, default: int, taken: set[int], *, host: str = "127.0.0.1") -> int:
    """The port that the variable names, else the default or the next free one.

    Raises:
        StackError: the variable names a port that is in use, or is not a port.
    """
    asked = os.environ.get(variable)
    if asked:
        if not asked.isdigit() or not 0 < int(asked) < 65536:
            raise StackError(f"{variable} must be a port number, not {asked!r}.")
        if not is_free(int(asked), host):
            raise StackError(f"Port {asked} ({variable}) is in use. Choose another: {variable}=... make up")
        return int(asked)
    for port in range(default, default + SEARCH_RANGE):
        if port not in taken and is_free(port, host):
            return port
    raise StackError(
        f"No free port between {default} and {default + SEARCH_RANGE}. Choose one: {variable}=... make up"
    )

"""Serves the page by waitress, to this machine alone unless asked otherwise."""

from __future__ import annotations

import errno
import socket
from typing import Protocol

import dash
import waitress

from tightfit import SpecError

_THREADS = 8
"""An export keeps one busy for seconds, and each browser asks for several figures at once."""


class Server(Protocol):
    """What waitress makes, as far as we use it."""

    effective_port: int

    def run(self) -> None:
        """Serve until closed."""
        ...

    def close(self) -> None:
        """Stop serving."""
        ...


def make_server(app: dash.Dash, *, port: int, host: str = "127.0.0.1") -> Server:
    """Return a server that has its port and is ready to run.

    Args:
        app: Of :func:`create_dashboard`.
        port: 0 takes a free one; the server's ``effective_port`` says which.
        host: A name or address of this machine.

    Raises:
        SpecError: The port is in use or not allowed, or the host is not this machine's.
    """
    if not 0 <= port <= 65535:
        raise SpecError(f"the port must lie in 0..65535, got {port}")
    try:
        server: Server = waitress.create_server(app.server, host=host, port=port, threads=_THREADS)
    except socket.gaierror as error:
        raise SpecError(f"the host {host!r} has no address: {error.strerror}") from error
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise SpecError(
                f"the port {port} of {host} is in use; choose another with --port"
            ) from error
        raise SpecError(f"the port {port} of {host} cannot be had: {error.strerror}") from error
    return server


def serve(app: dash.Dash, *, port: int, host: str = "127.0.0.1") -> None:
    """Serve the page until the process is interrupted.

    Raises:
        SpecError: As :func:`make_server`.
    """
    server = make_server(app, port=port, host=host)
    try:
        server.run()
    finally:
        server.close()

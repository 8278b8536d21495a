"""Serves the page by waitress, to this machine alone unless asked otherwise."""

from __future__ import annotations

import errno
import socket
import threading
from dataclasses import dataclass, field
from typing import Protocol

import dash
import waitress

from tightfit import SpecError

_THREADS = 8
"""An export keeps one busy for seconds, and each browser asks for several figures at once."""


class _Waitress(Protocol):
    """What waitress makes, as far as we use it."""

    def run(self) -> None: ...

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class PageServer:
    """A server that has its port.

    Attributes:
        url: Where the page is.
    """

    url: str
    _server: _Waitress
    _closed: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        """Serve until closed or interrupted."""
        try:
            self._server.run()
        except OSError as error:
            # Closed by another thread, it finds its sockets gone while it waits for them.
            if not (self._closed.is_set() and error.errno == errno.EBADF):
                raise

    def close(self) -> None:
        """Stop, and give the port back."""
        self._closed.set()
        self._server.close()


def make_server(app: dash.Dash, *, port: int, host: str = "127.0.0.1") -> PageServer:
    """Return a server that is ready to run.

    Args:
        app: Of :func:`create_dashboard`.
        port: 0 takes a free one; the server's ``url`` says which.
        host: A name or address of this machine.

    Raises:
        SpecError: The port is in use or not allowed, or the host is not this machine's.
    """
    if not 0 <= port <= 65535:
        raise SpecError(f"the port must lie in 0..65535, got {port}")
    listening = _listening(host, port)
    url = f"http://{host}:{listening.getsockname()[1]}/"
    return PageServer(
        url, waitress.create_server(app.server, sockets=[listening], threads=_THREADS)
    )


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


def _listening(host: str, port: int) -> socket.socket:
    """Return a socket that is bound. Waitress, if it binds, leaves one open when it cannot."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except (socket.gaierror, UnicodeError) as error:
        raise SpecError(f"the host {host!r} has no address; write 127.0.0.1 or a name") from error
    found = socket.socket(family, kind, protocol)
    try:
        # A port is free again as soon as its last server has ended.
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind(address)
    except OSError as error:
        found.close()
        if error.errno == errno.EADDRINUSE:
            raise SpecError(
                f"the port {port} of {host} is in use; choose another with --port"
            ) from error
        raise SpecError(f"the port {port} of {host} cannot be had: {error.strerror}") from error
    return found

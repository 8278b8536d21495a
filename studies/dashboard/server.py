"""Serves the page by waitress, to this machine alone unless asked otherwise."""

from __future__ import annotations

import errno
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

import dash
import waitress
from waitress.channel import HTTPChannel

from tightfit import SpecError
from tightfit.studies.dashboard.guard import for_hosts

_THREADS = 8
"""An export keeps one busy for seconds, and each browser asks for several figures at once."""


class _Trigger(Protocol):
    def pull_trigger(self, thunk: Callable[[], None]) -> None: ...


class _Tasks(Protocol):
    def shutdown(self) -> bool: ...


class _Waitress(Protocol):
    """What waitress makes, as far as we use it."""

    trigger: _Trigger
    task_dispatcher: _Tasks

    def run(self) -> None: ...


@dataclass(frozen=True, slots=True)
class PageServer:
    """A server that has its port.

    Attributes:
        url: Where the page is.
    """

    url: str
    _server: _Waitress
    _open: dict[int, Any]
    """By descriptor, everything that the server's loop looks at."""
    _running: threading.Event = field(default_factory=threading.Event)
    _ended: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        """Serve until closed or interrupted."""
        self._running.set()
        try:
            self._server.run()
        finally:
            self._running.clear()
            self._ended.set()

    def close(self) -> None:
        """Stop, and give the port back.

        Threads that answer end first, then the loop closes what is its own: each of them would go
        on with the numbers of closed descriptors, which belong to whatever was opened since.
        """
        self._server.task_dispatcher.shutdown()
        if self._running.is_set():
            self._server.trigger.pull_trigger(self._close_everything)
            self._ended.wait()
        else:
            self._close_everything()

    def _close_everything(self) -> None:
        for each in list(self._open.values()):
            # A connection's `close` alone would leave the files that hold its answers.
            (each.handle_close if isinstance(each, HTTPChannel) else each.close)()
        self._open.clear()


def make_server(app: dash.Dash, *, port: int, host: str = "127.0.0.1") -> PageServer:
    """Return a server that is ready to run.

    Args:
        app: Of :func:`create_dashboard`.
        port: 0 takes a free one; the server's ``url`` says which.
        host: A name or address of this machine. Requests that name neither it nor loopback are
            refused.

    Raises:
        SpecError: The port is in use or not allowed, or the host is not this machine's.
    """
    if not 0 <= port <= 65535:
        raise SpecError(f"the port must lie in 0..65535, got {port}")
    listening = _listening(host, port)
    url = f"http://{host}:{listening.getsockname()[1]}/"
    looked_at: dict[int, Any] = {}
    server = waitress.create_server(
        for_hosts(app.server.wsgi_app, host),
        map=looked_at,
        sockets=[listening],
        threads=_THREADS,
    )
    return PageServer(url, server, looked_at)


def serve(server: PageServer) -> None:
    """Serve the page until the process is interrupted, and give the port back."""
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

"""Which requests the page answers: its own, by names that are this machine's.

The page answers everyone who reaches its port, and a page of another origin in the user's browser
reaches loopback as well. What keeps that one out is the name it asks by: a name of its own that it
has pointed at this machine (DNS rebinding) is none of ours.
"""

from __future__ import annotations

import ipaddress
import logging
import socket
from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

import dash
import flask
from werkzeug.exceptions import HTTPException

Wsgi: TypeAlias = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_CATCH_ALL = "/<path:path>"
"""Dash gives its page for every path that nothing else answers."""
_RESOURCES = "/_dash-component-suites/"
_CALLBACKS = "/_dash-update-component"
_LOGGER = logging.getLogger("tightfit.dashboard")


def answer_own_requests(app: dash.Dash) -> None:
    """Answer 404 and 400 to what is no request of the page, and say failures in one line."""
    server: flask.Flask = app.server

    @server.before_request
    def check() -> None:
        rule = flask.request.url_rule
        if rule is not None and rule.rule == _CATCH_ALL:
            flask.abort(404)
        if flask.request.path == _CALLBACKS and not _is_callback(app):
            flask.abort(400)

    @server.errorhandler(Exception)
    def failed(error: Exception) -> HTTPException | tuple[str, int]:
        if isinstance(error, HTTPException):
            return error
        path = flask.request.path
        if path.startswith(_RESOURCES):
            # Dash raises its own errors, and Python's, for names that are not there.
            return "Not Found", 404
        _LOGGER.error("%s was not answered: %s: %s", path, type(error).__name__, error)
        return "Internal Server Error", 500


def for_hosts(application: Wsgi, host: str) -> Wsgi:
    """Return the application for requests that name this machine; 403 for all others.

    Args:
        application: That answers.
        host: The name or address that is served on. On a wildcard such as ``0.0.0.0`` this
            machine's name and every address are taken, as an address cannot be rebound.
    """

    def answer(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        if names_this_machine(environ.get("HTTP_HOST", ""), host):
            return application(environ, start)
        start("403 Forbidden", [("Content-Type", "text/plain; charset=utf-8")])
        return [b"The page is not served by this name.\n"]

    return answer


def names_this_machine(header: str, host: str) -> bool:
    """Whether a ``Host`` header, with or without a port, names a server on ``host``."""
    name = header.lower().strip()
    name = name[1:].partition("]")[0] if name.startswith("[") else name.partition(":")[0]
    name = name.removesuffix(".")
    if name in _LOOPBACK or name == host.lower():
        return True
    address, served = _address(name), _address(host)
    if host and (served is None or not served.is_unspecified):
        return address is not None and address == served
    return address is not None or name == socket.gethostname().lower()


def _address(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(name)
    except ValueError:
        return None


def _is_callback(app: dash.Dash) -> bool:
    """Whether a request to Dash's callbacks names one, with its inputs and outputs."""
    body = flask.request.get_json(silent=True)
    if not isinstance(body, dict) or not isinstance(body.get("output"), str):
        return False
    known = app.callback_map.get(body["output"])
    if known is None or not isinstance(body.get("outputs"), dict | list):
        return False
    inputs, states = body.get("inputs"), body.get("state", [])
    return _are_properties(inputs, len(known["inputs"])) and _are_properties(
        states, len(known["state"])
    )


def _are_properties(found: object, n: int) -> bool:
    """Whether these are ``n`` properties of components; of a pattern, a list of them."""
    if not isinstance(found, list) or len(found) != n:
        return False
    single = [one for each in found for one in (each if isinstance(each, list) else [each])]
    return all(isinstance(one, dict) and {"id", "property"} <= one.keys() for one in single)

from __future__ import annotations

import json
import socket
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tightfit import SpecError
from tightfit.studies.dashboard import PageServer, create_dashboard, make_server, serve
from tightfit.studies.dashboard.guard import names_this_machine
from tightfit.studies.results import Results


def no_export(_trial: int) -> Path:
    raise AssertionError("nothing is exported here")


def test_a_port_in_use_is_an_error_that_names_it(results: Results) -> None:
    app = create_dashboard(lambda: results, no_export)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        with pytest.raises(SpecError, match=rf"port {port} of 127.0.0.1 is in use; .*--port"):
            make_server(app, port=port)


def test_serving_ends_with_its_port_free_again(
    results: Results, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = create_dashboard(lambda: results, no_export)
    server = make_server(app, port=0)
    port = int(server.url.rstrip("/").rpartition(":")[2])
    server.close()

    def interrupted(_server: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(PageServer, "run", interrupted)
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            serve(make_server(app, port=port))


def test_a_server_that_another_thread_closes_leaves_nothing_behind(results: Results) -> None:
    app = create_dashboard(lambda: results, no_export)
    before = set(threading.enumerate())
    for _ in range(3):
        server = make_server(app, port=0)
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        with urllib.request.urlopen(server.url) as page:
            page.read()
        server.close()
        thread.join(10)
        # A thread that still answers would write to descriptors which are others' by now.
        assert set(threading.enumerate()) == before


@pytest.mark.parametrize("port", [-1, 65536])
def test_a_port_that_cannot_be_is_refused(results: Results, port: int) -> None:
    app = create_dashboard(lambda: results, no_export)

    with pytest.raises(SpecError, match=rf"must lie in 0..65535, got {port}"):
        make_server(app, port=port)


def test_a_host_of_another_machine_is_refused(results: Results) -> None:
    app = create_dashboard(lambda: results, no_export)

    # 192.0.2.1 is kept for documentation (RFC 5737): it is nobody's.
    with pytest.raises(SpecError, match=r"port 0 of 192.0.2.1 cannot be had"):
        make_server(app, port=0, host="192.0.2.1")
    with pytest.raises(SpecError, match=r"host 'no such host' has no address"):
        make_server(app, port=0, host="no such host")


def test_the_page_and_its_style_are_served_from_this_machine(results: Results) -> None:
    server = make_server(create_dashboard(lambda: results, no_export), port=0)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        with urllib.request.urlopen(server.url) as page:
            text = page.read().decode()
        with urllib.request.urlopen(f"{server.url}assets/dashboard.css") as style:
            assert b".columns" in style.read()
    finally:
        server.close()
    assert "quickstart – Tightfit" in text
    assert "colours.css" in text
    assert "report.css" not in text
    assert "https://" not in text


@pytest.fixture
def served(results: Results) -> Iterator[PageServer]:
    """The page of a run, answering."""
    server = make_server(create_dashboard(lambda: results, no_export), port=0)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    yield server
    server.close()


def answered(
    url: str, *, host: str | None = None, body: bytes | None = None
) -> tuple[int, dict[str, object]]:
    """Return the status of an answer, and what it holds if that is JSON."""
    headers = {"Content-Type": "application/json"} | ({"Host": host} if host else {})
    request = urllib.request.Request(url, data=body, headers=headers)
    try:
        with urllib.request.urlopen(request) as answer:
            text = answer.read()
            found = json.loads(text) if text.startswith(b"{") else {}
            return answer.status, found
    except urllib.error.HTTPError as error:
        error.close()
        return error.code, {}


@pytest.mark.parametrize(
    "path", ["nope", "robots.txt", "_dash-component-suites/nope/x.js", "assets/nope.css"]
)
def test_a_path_that_is_not_the_pages_is_not_found(
    served: PageServer, path: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert answered(served.url + path)[0] == 404
    assert "Traceback" not in capfd.readouterr().err


@pytest.mark.parametrize(
    "body",
    [
        b"not json",
        b"[]",
        b"{}",
        b'{"output": "nope.children", "inputs": [], "outputs": []}',
        b'{"output": "exported.children", "inputs": ["x"], "outputs": {}}',
        b'{"output": "exported.children", "inputs": [{}], "outputs": {}, "state": [{}]}',
    ],
)
def test_a_request_that_names_no_callback_is_bad(
    served: PageServer, body: bytes, capfd: pytest.CaptureFixture[str]
) -> None:
    assert answered(f"{served.url}_dash-update-component", body=body)[0] == 400
    assert "Traceback" not in capfd.readouterr().err


def test_only_names_of_this_machine_are_answered(served: PageServer) -> None:
    port = served.url.rstrip("/").rpartition(":")[2]

    assert answered(served.url)[0] == 200
    for name in ("localhost", "LOCALHOST", f"localhost:{port}", f"[::1]:{port}", "127.0.0.1"):
        assert answered(served.url, host=name)[0] == 200
    for name in ("evil.example", f"evil.example:{port}", "127.0.0.1.evil.example", "192.0.2.1"):
        assert answered(served.url, host=name)[0] == 403


def test_a_page_is_answered_by_the_name_it_is_served_on() -> None:
    assert names_this_machine("box.local:8050", "box.local")
    assert not names_this_machine("other.local", "box.local")
    assert names_this_machine("192.168.0.7:8050", "192.168.0.7")
    assert not names_this_machine("192.168.0.8", "192.168.0.7")
    # On every address any of them may be asked; a name that is rebound is none of them.
    assert names_this_machine("192.168.0.8", "0.0.0.0")
    assert names_this_machine("[fe80::1]:8050", "::")
    assert names_this_machine(socket.gethostname(), "0.0.0.0")
    assert not names_this_machine("evil.example", "0.0.0.0")
    assert not names_this_machine("", "127.0.0.1")


def test_an_answer_that_fails_is_one_line_and_no_traceback(
    results: Results, caplog: pytest.LogCaptureFixture
) -> None:
    broken = False

    def load() -> Results:
        if broken:
            raise ZeroDivisionError("of the disk")
        return results

    app = create_dashboard(load, no_export)
    app.server.config["PROPAGATE_EXCEPTIONS"] = False
    client = app.server.test_client()
    request = first_request(client, "state.children")
    broken = True
    # Nothing is loaded anew for a while after a load.
    time.sleep(0.1)

    answer = client.post("/_dash-update-component", json=request)

    assert answer.status_code == 500
    (line,) = caplog.records
    assert "was not answered: ZeroDivisionError: of the disk" in line.getMessage()
    assert line.exc_info is None


def first_request(client: Any, output: str) -> dict[str, Any]:
    """Return what a page asks first of the callback with an output."""
    for each in client.get("/_dash-dependencies").json:
        if output in each["output"]:
            names = [name.rpartition(".") for name in each["output"].strip(".").split("...")]
            return {
                "output": each["output"],
                "outputs": [{"id": name, "property": prop} for name, _, prop in names],
                "inputs": [{**one, "value": 0} for one in each["inputs"]],
                "state": [{**one, "value": 0} for one in each["state"]],
                "changedPropIds": [],
            }
    raise AssertionError(f"nothing answers {output}")


def test_the_header_speaks_of_one_moment(
    unfinished: Callable[[int], Results], results: Results
) -> None:
    stages = iter([replace(unfinished(4), records=()), results])
    client = create_dashboard(lambda: next(stages), no_export).server.test_client()
    request = first_request(client, "state.children")
    time.sleep(0.1)

    response = client.post("/_dash-update-component", json=request).json["response"]

    assert response["state"]["children"] == "finished, 34 trials trained"
    assert "Trial 24 keeps all limits" in response["headline"]["children"]
    assert response["notice"]["children"] == []

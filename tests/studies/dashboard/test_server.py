from __future__ import annotations

import socket
import threading
import urllib.request
from pathlib import Path

import pytest

from tightfit import SpecError
from tightfit.studies.dashboard import PageServer, create_dashboard, make_server, serve
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

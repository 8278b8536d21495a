from __future__ import annotations

import pytest

from tightfit import __version__
from tightfit.studies import versions as module
from tightfit.studies.versions import versions


def test_versions_are_those_that_are_installed() -> None:
    found = versions()

    assert found["tightfit"] == __version__
    assert found["torch"][0].isdigit()


def test_a_library_that_is_missing_is_said_to_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PACKAGES", ("no-such-library-of-ours",))

    assert versions()["no-such-library-of-ours"] == "not installed"

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from tightfit import SpecError
from tightfit.objectives.user_code import code_digest, function_digest, load_object


def write(folder: Path, name: str, text: str) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_a_module_beside_the_study_is_found(tmp_path: Path) -> None:
    write(tmp_path, "mine.py", "answer = 42")
    assert load_object("mine:answer", folder=tmp_path) == 42


def test_loading_twice_gives_the_same_object(tmp_path: Path) -> None:
    write(tmp_path, "mine.py", "class Net: pass")
    first = load_object("mine:Net", folder=tmp_path)
    assert load_object("mine:Net", folder=tmp_path) is first


def test_two_studies_may_have_modules_of_one_name(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        write(tmp_path / folder, "mine.py", f"where = {folder!r}")
    assert load_object("mine:where", folder=tmp_path / "a") == "a"
    assert load_object("mine:where", folder=tmp_path / "b") == "b"


def test_an_installed_module_is_found_when_none_lies_beside(tmp_path: Path) -> None:
    import json

    assert load_object("json:dumps", folder=tmp_path) is json.dumps
    assert load_object("json.decoder:JSONDecoder", folder=tmp_path) is json.JSONDecoder


def test_a_module_beside_the_study_hides_no_installed_one(tmp_path: Path) -> None:
    import json

    write(tmp_path, "json.py", "dumps = 'mine'")
    path = list(sys.path)
    assert load_object("json:dumps", folder=tmp_path) == "mine"
    assert sys.modules["json"] is json
    assert sys.path == path


def test_a_module_may_import_its_neighbours(tmp_path: Path) -> None:
    write(tmp_path, "blocks_of_mine.py", "width = 8")
    write(tmp_path, "mine.py", "from blocks_of_mine import width")
    path = list(sys.path)
    assert load_object("mine:width", folder=tmp_path) == 8
    assert sys.path == path


def test_a_neighbour_hidden_by_an_installed_module_is_refused(tmp_path: Path) -> None:
    write(tmp_path, "torchvision.py", "width = 8")
    write(tmp_path, "mine.py", "import torchvision\nx = 1")
    with pytest.raises(SpecError, match=r"imports 'torchvision', which lies beside .* rename"):
        load_object("mine:x", folder=tmp_path)


@pytest.mark.parametrize("initialized", [True, False])
def test_packages_beside_the_study_are_found(tmp_path: Path, *, initialized: bool) -> None:
    if initialized:
        write(tmp_path, "nets/__init__.py", "")
    write(tmp_path, "nets/small.py", "from .parts import width")
    write(tmp_path, "nets/parts.py", "width = 3")
    assert load_object("nets.small:width", folder=tmp_path) == 3


@pytest.mark.parametrize("name", ["mine", "mine:", ":function", "my-module:f", "a..b:f", "m:f()"])
def test_code_must_be_named_module_and_function(tmp_path: Path, name: str) -> None:
    with pytest.raises(SpecError, match=r"named 'module:function', got"):
        load_object(name, folder=tmp_path)


def test_a_module_that_is_nowhere_is_named(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="'no_such_module' was found neither in"):
        load_object("no_such_module:f", folder=tmp_path)
    write(tmp_path, "nets/__init__.py", "")
    with pytest.raises(SpecError, match=r"'nets\.missing' was found neither in"):
        load_object("nets.missing:f", folder=tmp_path)


def test_a_wrong_attribute_gets_the_nearest_name(tmp_path: Path) -> None:
    write(tmp_path, "mine.py", "def build(): pass")
    with pytest.raises(SpecError, match="has no 'biuld'; did you mean 'build'"):
        load_object("mine:biuld", folder=tmp_path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1 / 0", "could not be imported: ZeroDivisionError"),
        ("def f(:", "could not be imported: SyntaxError"),
        ("raise SystemExit(3)", "could not be imported: SystemExit: 3"),
        ("import no_such_library", "install what it needs"),
    ],
)
def test_a_module_that_fails_is_reported(tmp_path: Path, text: str, message: str) -> None:
    write(tmp_path, "mine.py", text)
    with pytest.raises(SpecError, match=message):
        load_object("mine:f", folder=tmp_path)


def test_a_module_can_be_mended_after_it_failed(tmp_path: Path) -> None:
    write(tmp_path, "mine.py", "raise RuntimeError('unfinished')")
    with pytest.raises(SpecError, match="unfinished"):
        load_object("mine:f", folder=tmp_path)
    write(tmp_path, "mine.py", "f = 'mended, and of another length'")
    assert load_object("mine:f", folder=tmp_path) == "mended, and of another length"


def digest(folder: Path, *names: str | None) -> str:
    return code_digest(names, folder)


@pytest.mark.parametrize("initialized", [True, False])
def test_an_edit_anywhere_in_a_package_is_another_digest(
    tmp_path: Path, *, initialized: bool
) -> None:
    write(tmp_path, "nets/model.py", "from .parts.blocks import width\ndef make(): return width")
    write(tmp_path, "nets/parts/blocks.py", "width = 8")
    write(tmp_path, "elsewhere.py", "x = 1")
    if initialized:
        write(tmp_path, "nets/__init__.py", "from .model import make")
    name = "nets:make" if initialized else "nets.model:make"
    first = digest(tmp_path, name)
    write(tmp_path, "elsewhere.py", "x = 2")
    assert digest(tmp_path, name) == first
    write(tmp_path, "nets/parts/blocks.py", "width = 9")
    edited = digest(tmp_path, name)
    assert edited != first
    (tmp_path / "nets/parts/blocks.py").rename(tmp_path / "nets/parts/others.py")
    assert digest(tmp_path, name) not in (first, edited)


def test_an_edit_of_a_neighbour_that_is_imported_is_another_digest(tmp_path: Path) -> None:
    write(
        tmp_path, "mine.py", "def make():\n    from blocks_of_mine import width\n    return width"
    )
    write(tmp_path, "blocks_of_mine.py", "import numpy\nimport sizes.small\nimport mine")
    write(tmp_path, "sizes/small.py", "width = 8")
    write(tmp_path, "unread.py", "width = 8")
    seen = [digest(tmp_path, "mine:make")]
    write(tmp_path, "unread.py", "width = 9")
    assert digest(tmp_path, "mine:make") == seen[0]
    for edited in ("sizes/small.py", "blocks_of_mine.py", "mine.py"):
        write(tmp_path, edited, "width = 99")
        seen.append(digest(tmp_path, "mine:make"))
    assert len(set(seen)) == 4


def test_code_that_lies_elsewhere_counts_by_its_name(tmp_path: Path) -> None:
    assert digest(tmp_path, "json:dumps") == digest(tmp_path, "json:dumps")
    assert digest(tmp_path, "json:dumps", None) != digest(tmp_path, None, "json:dumps")
    assert digest(tmp_path, "json:dumps") != digest(tmp_path, "json:loads")
    write(tmp_path, "half.py", "def f(:")
    assert digest(tmp_path, "half:f") != digest(tmp_path, "whole:f")


def test_a_function_counts_by_its_source_or_its_name() -> None:
    class Score:
        def __call__(self) -> int:
            return 1

    def first() -> int:
        return 1

    def other() -> int:
        return 2

    assert function_digest(first) == function_digest(first)
    assert function_digest(Score()) == function_digest(Score())
    typed: dict[str, Any] = {}
    exec("def f(): return 1\ndef g(): return 1", typed)  # as at a prompt: without a source
    found = [first, other, Score(), len, sum, typed["f"], typed["g"]]
    assert len({function_digest(each) for each in found}) == len(found)

"""Code of the user's own, named ``module:function`` in a study file."""

from __future__ import annotations

import ast
import hashlib
import importlib
import importlib.util
import inspect
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

from tightfit import SpecError
from tightfit.objectives.nearest import did_you_mean


def load_object(name: str, *, folder: Path) -> object:
    """Return what ``name``, written ``module:function``, stands for.

    ``module.py`` (or a package) beside the study file comes first, then the import path. A module
    beside the study is loaded under a name of its own, so that it hides no installed module, and
    once: the same name gives the same object. What it imports at its top may lie beside it.

    Args:
        name: ``module:function`` or ``package.module:function``.
        folder: Folder of the study file.

    Raises:
        SpecError: Not of that form, no such module or attribute, or the module itself fails.
    """
    module_name, colon, attribute = name.partition(":")
    parts = module_name.split(".")
    if not colon or not attribute.isidentifier() or not all(part.isidentifier() for part in parts):
        raise SpecError(f"code is named 'module:function', got {name!r}")
    module = _load_module(module_name, folder.resolve())
    try:
        return getattr(module, attribute)
    except AttributeError:
        public = [known for known in vars(module) if not known.startswith("_")]
        raise SpecError(
            f"the module {module_name!r} ({_home(module)}) has no {attribute!r}"
            f"{did_you_mean(attribute, public)}"
        ) from None


def code_digest(names: Iterable[str | None], folder: Path) -> str:
    """Return a digest of the code that ``module:function`` names stand for beside a study file.

    Of a package that is every file, of a module also the neighbours that it imports, and what
    those import.

    Args:
        names: Those that point elsewhere, or nowhere, count by their text.
        folder: Of the study file.
    """
    digest = hashlib.sha256()
    for name in names:
        digest.update(str(name).encode())
        root = (name or "").partition(":")[0].partition(".")[0]
        home = _file_of(root, folder) if root.isidentifier() else None
        if home is None:
            continue
        for file in _sources(home, folder):
            # A module alone counts by its text; what lies beside it or inside by its place too.
            if file != home:
                digest.update(f"\0{file.relative_to(folder).as_posix()}\0".encode())
            digest.update(file.read_bytes())
    return digest.hexdigest()


def function_digest(function: Callable[..., object]) -> str:
    """Return a digest of a function's source; of its name where Python does not know the source.

    That of an object that can be called is the source of its class. What either is bound to does
    not count.
    """
    known = inspect.isroutine(function) or inspect.isclass(function)
    named = function if known else type(function)
    try:
        text = inspect.getsource(named)
    except (OSError, TypeError):
        text = f"{named.__module__}.{named.__qualname__}"
    return hashlib.sha256(text.encode()).hexdigest()


def _sources(home: Path, folder: Path) -> list[Path]:
    """Return a module's file or a package's files, then those of all neighbours they import."""
    homes = [home]
    found: list[Path] = []
    for each in homes:  # which grows by what each of them imports
        files = [each] if each.is_file() else sorted(each.rglob("*.py"))
        found += files
        imported = sorted({name for file in files for name in _imported_names(file)})
        beside = (_file_of(name, folder) for name in imported)
        homes += [path for path in dict.fromkeys(beside) if path is not None and path not in homes]
    return found


def _load_module(name: str, folder: Path) -> ModuleType:
    root, _, inner = name.partition(".")
    try:
        with _neighbours_importable(folder):
            beside = _file_of(root, folder)
            if beside is None:
                return importlib.import_module(name)
            private = _load_beside(root, beside)
            return importlib.import_module(f"{private.__name__}.{inner}") if inner else private
    except SpecError:
        raise
    except ModuleNotFoundError as error:
        if error.name is not None and _is_part(error.name, name):
            raise SpecError(
                f"the module {name!r} was found neither in {folder} nor on the import path"
            ) from error
        raise SpecError(
            f"the module {name!r} could not be imported: {error}; "
            "install what it needs, or lay it beside the study file"
        ) from error
    except (Exception, SystemExit) as error:
        raise SpecError(
            f"the module {name!r} could not be imported: {type(error).__name__}: {error}"
        ) from error


def _is_part(missing: str, name: str) -> bool:
    """Whether ``missing`` is ``name`` itself or a package it lies in."""
    public = missing.partition("__")[2] if missing.startswith("_user_") else missing
    return name == public or name.startswith(f"{public}.")


def _file_of(module: str, folder: Path) -> Path | None:
    """Return the module's file or the package's folder in ``folder``, if there is one."""
    file, package = folder / f"{module}.py", folder / module
    if file.is_file():
        return file
    return package if package.is_dir() and any(package.glob("*.py")) else None


def _load_beside(name: str, path: Path) -> ModuleType:
    """Load a file or package once, under a name that no installed module has."""
    private = f"_user_{hashlib.sha256(str(path).encode()).hexdigest()[:12]}__{name}"
    if private in sys.modules:
        return sys.modules[private]
    spec = _spec(private, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[private] = module
    try:
        if spec.loader is not None:
            spec.loader.exec_module(module)
        if path.is_file():
            _refuse_hidden_neighbours(path)
    except BaseException:
        del sys.modules[private]
        raise
    return module


def _spec(private: str, path: Path) -> ModuleSpec:
    if path.is_dir() and not (path / "__init__.py").is_file():
        namespace = ModuleSpec(private, None, is_package=True)
        namespace.submodule_search_locations = [str(path)]
        return namespace
    file = path / "__init__.py" if path.is_dir() else path
    spec = importlib.util.spec_from_file_location(
        private, file, submodule_search_locations=[str(path)] if path.is_dir() else None
    )
    if spec is None:
        raise SpecError(f"{file} is not a Python module")
    return spec


def _refuse_hidden_neighbours(path: Path) -> None:
    """Refuse a module that names its neighbour and was given an installed one of that name."""
    for name in _imported_names(path):
        neighbour = _file_of(name, path.parent)
        loaded = getattr(sys.modules.get(name), "__file__", None)
        if neighbour is None or loaded is None:
            continue
        if path.parent not in Path(loaded).resolve().parents:
            raise SpecError(
                f"{path.name} imports {name!r}, which lies beside it ({neighbour.name}), but "
                f"another module of that name came first ({loaded}); rename {neighbour.name}"
            )


def _imported_names(path: Path) -> set[str]:
    """Return the first part of every module that the file imports absolutely.

    There are none in a file that Python cannot read: it was not imported itself.
    """
    names: set[str] = set()
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError):
        return names
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update(alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module is not None:
            names.add(node.module.partition(".")[0])
    return names


@contextmanager
def _neighbours_importable(folder: Path) -> Iterator[None]:
    """Put the folder last on the import path, where it hides nothing, and take it off again."""
    entry = str(folder)
    sys.path.append(entry)
    importlib.invalidate_caches()
    try:
        yield
    finally:
        # The last one is ours, whatever the user's own module did to the path.
        for position in range(len(sys.path) - 1, -1, -1):
            if sys.path[position] == entry:
                del sys.path[position]
                break


def _home(module: ModuleType) -> str:
    folders = list(getattr(module, "__path__", []))
    return str(module.__file__ or (folders[0] if folders else "built in"))

"""Write requirements.txt and requirements-dev.txt from the versions installed in this environment.

Packages that only a CUDA build of torch needs are left out: torch itself asks for them where its
build wants them, and a CPU build does not.
"""

import re
from importlib.metadata import distribution
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
CUDA_ONLY = re.compile(r"^(nvidia-|cuda-|triton$)")
LEFT_OUT = {"executorch"}
"""Extras that would change the versions of other packages, or take minutes to install."""
HEADER = "# Written by `make lock`; do not edit.\n"


def normalized(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def closure(roots: list[Requirement]) -> dict[str, str]:
    """Return the version of every distribution that the requirements lead to."""
    versions: dict[str, str] = {}
    seen: set[tuple[str, frozenset[str]]] = set()
    todo = [(root, frozenset(root.extras)) for root in roots]
    while todo:
        requirement, extras = todo.pop()
        name = normalized(requirement.name)
        if (name, extras) in seen or CUDA_ONLY.match(name):
            continue
        seen.add((name, extras))
        found = distribution(name)
        versions[name] = found.version.split("+")[0]
        for text in found.requires or []:
            inner = Requirement(text)
            wanted = (
                [inner.marker.evaluate({"extra": e}) for e in extras or {""}]
                if inner.marker
                else [True]
            )
            if any(wanted):
                todo.append((inner, frozenset(inner.extras)))
    return versions


def main() -> None:
    own = [Requirement(text) for text in distribution("tightfit").requires or []]
    runtime = closure([r for r in own if r.marker is None])
    everything = closure([r for r in own if r.name not in LEFT_OUT])
    lines = [f"{name}=={version}\n" for name, version in sorted(runtime.items())]
    (ROOT / "requirements.txt").write_text(HEADER + "".join(lines))
    more = [f"{n}=={v}\n" for n, v in sorted(everything.items()) if n not in runtime]
    (ROOT / "requirements-dev.txt").write_text(HEADER + "-r requirements.txt\n" + "".join(more))


if __name__ == "__main__":
    main()

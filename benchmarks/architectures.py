"""Every architecture: what can be compressed, what it costs to ask, and torch-pruning beside it.

    python -m benchmarks.architectures FILE [--names PATTERN ...] [--limit-seconds 900]
    python -m benchmarks.architectures FILE --table

Each network runs in a process of its own, and so does torch-pruning with it; what fails, or takes
longer than its limit, is in the table with the reason. FILE has one network a line, as JSON. A call
takes what is there as done, so that an interrupted one goes on where it stopped: delete a line to
measure that network again. `--table` prints the table of what is there.
"""

import argparse
import fnmatch
import json
from functools import partial
from pathlib import Path

from benchmarks.apart import Figures, run_apart
from benchmarks.architecture_table import table
from benchmarks.networks import NAMES, build
from benchmarks.one_architecture import measure
from benchmarks.torch_pruning_peer import HOW_TO_INSTALL, heads_of, installed, prune_by_half


def main() -> None:
    arguments = _arguments()
    records = read(arguments.file)
    if arguments.table:
        print(table(records, NAMES))
        return
    works = {"ours": partial(run_apart, measure, limit_s=arguments.limit_seconds)}
    if installed():
        works["peer"] = partial(run_apart, peer, limit_s=arguments.peer_seconds)
    else:
        print(HOW_TO_INSTALL)
    chosen = [name for name in NAMES if _any_matches(arguments.names, name)]
    for number, name in enumerate(chosen, start=1):
        record = records.setdefault(name, {"name": name})
        for part, work in works.items():
            if part not in record:
                record[part] = work(name)
                write(arguments.file, records)
                told = record[part].get("failed", "done")
                seconds = record[part]["seconds"]
                print(
                    f"[{number}/{len(chosen)}] {name} {part}: {seconds:.1f} s, {told}", flush=True
                )


def peer(name: str) -> Figures:
    """Return torch-pruning's result with one network.

    Told of the heads of its attentions, and where that fails, once more without.
    """
    module, shape = build(name)
    if not heads_of(module):
        return prune_by_half(module, shape, tell_heads=False)
    try:
        return prune_by_half(module, shape, tell_heads=True)
    except Exception as error:  # noqa: BLE001 - it is the result where the other way fails as well
        try:
            return prune_by_half(*build(name), tell_heads=False)
        except Exception:  # noqa: BLE001
            raise error from None


def read(file: Path) -> dict[str, Figures]:
    """Return what a file has by name of network; nothing where there is no file."""
    lines = file.read_text().splitlines() if file.exists() else []
    records = [json.loads(line) for line in lines]
    return {record["name"]: record for record in records}


def write(file: Path, records: dict[str, Figures]) -> None:
    """Write all records; an interruption leaves the old or the new file."""
    temporary = file.with_name(f".{file.name}.new")
    temporary.write_text("".join(f"{json.dumps(record)}\n" for record in records.values()))
    temporary.replace(file)


def _any_matches(patterns: list[str], name: str) -> bool:
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", type=Path, help="one network a line, as JSON")
    parser.add_argument("--names", nargs="+", default=["*"], help="e.g. resnet18 'timm:*' 'odd:*'")
    parser.add_argument("--limit-seconds", type=float, default=900, help="of each network")
    parser.add_argument("--peer-seconds", type=float, default=100, help="of torch-pruning with it")
    parser.add_argument("--table", action="store_true", help="print what the file has")
    arguments = parser.parse_args()
    for pattern in arguments.names:
        if not any(_any_matches([pattern], name) for name in NAMES):
            parser.error(f"no network is named {pattern!r}; known: {', '.join(NAMES)}")
    return arguments


if __name__ == "__main__":
    main()

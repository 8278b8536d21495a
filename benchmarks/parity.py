"""Is the network that was trained with rounding its file? Twelve architectures, class by class.

    python -m benchmarks.parity FOLDER [--names PATTERN ...] [--threads 1]
    python -m benchmarks.parity FOLDER --table

Each architecture runs in a process of its own: it learns 2,000 of the embedded pictures, two of its
candidates are fine-tuned, and each is compared with its file on 1,500 others, in float32 without
autocast. FOLDER keeps the weights and `parity.jsonl`, one architecture a line. A call takes what is
there as done: delete a line to compare that architecture again, its weights to train it again.
"""

import argparse
import fnmatch
from dataclasses import asdict
from pathlib import Path

import torch

from benchmarks.apart import Figures, run_apart
from benchmarks.architectures import read, write

# What is compared, and the bounds, are the contract test's.
from tests.contracts.parity import (
    ARCHITECTURES,
    EACH,
    KEPT,
    KINDS,
    POOLED,
    Comparison,
    Length,
    Parity,
    embedded,
)


def compare(name: str, folder: Path, threads: int) -> Figures:
    """Return the parities of one architecture."""
    torch.set_num_threads(threads)
    length = Length()
    comparison = Comparison(name, embedded(length), length=length, folder=folder)
    found = [comparison.parity(kind) for kind in ("float", *KINDS)]
    return {"name": name, "parities": [asdict(each) for each in found]}


def table(records: dict[str, Figures]) -> str:
    """Return what was found as a table, with the pooled agreement under it."""
    lines = [
        "| network | candidate | accuracy: baseline, file | agreement | largest distance |",
        "| --- | --- | --- | --- | --- |",
    ]
    quantized: list[Parity] = []
    for name in (each for each in ARCHITECTURES if each in records):
        if "failed" in records[name]:
            lines.append(f"| {name} | {records[name]['failed']} | | | |")
            continue
        for each in (Parity(**figures) for figures in records[name]["parities"]):
            lines.append(_row(each))
            if each.kind != "float":
                quantized.append(each)
    if quantized:
        same, pictures = (
            sum(getattr(each, of) for each in quantized) for of in ("same", "pictures")
        )
        worst = min(each.agreement for each in quantized)
        kept = min(each.kept for each in quantized)
        lines.append(
            f"\n{len(quantized)} candidates, pooled agreement {same / pictures:.2%} (at least "
            f"{POOLED:.1%}), worst {worst:.2%} (at least {EACH:.1%}); of the baseline's accuracy "
            f"they keep at least {kept:.0%} (at least {KEPT:.0%})"
        )
    return "\n".join(lines)


def _row(parity: Parity) -> str:
    accuracies = f"{parity.baseline:.1%}, {parity.accuracy:.1%}"
    agreement = f"{parity.agreement:.2%} of {parity.pictures:,}"
    return f"| {parity.name} | {parity.kind} | {accuracies} | {agreement} | {parity.distance:.1e} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="keeps weights and figures")
    parser.add_argument("--names", nargs="+", default=["*"], help="e.g. resnet18 'regnet_*'")
    parser.add_argument("--limit-seconds", type=float, default=3600, help="of each architecture")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--table", action="store_true", help="print the table of what is there")
    given = parser.parse_args()
    file = given.folder / "parity.jsonl"
    records = read(file)
    if not given.table:
        given.folder.mkdir(parents=True, exist_ok=True)
        for name in ARCHITECTURES:
            if name in records or not any(fnmatch.fnmatchcase(name, each) for each in given.names):
                continue
            found = run_apart(
                compare, name, given.folder, given.threads, limit_s=given.limit_seconds
            )
            records[name] = {"name": name, **found}
            write(file, records)
            print(f"{name}: {found['seconds']:.0f} s, {found.get('failed', 'done')}", flush=True)
    print(table(records))


if __name__ == "__main__":
    main()

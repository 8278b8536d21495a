"""The figures of all architectures as a table."""

import math
from collections.abc import Mapping, Sequence

from benchmarks.apart import Figures

COLUMNS = (
    "network", "input", "M params", "layers", "groups", "hparams", "changeable", "file, kB",
    "smallest found, kB", "candidates a second: counts / all metrics", "tracing, s",
    "surgery, s: first / next", "torch-pruning at 0.5",
)  # fmt: skip


def table(records: Mapping[str, Figures], order: Sequence[str]) -> str:
    """Return the table in Markdown, and below it how many networks each got through."""
    chosen = [records[name] for name in order if name in records]
    rows = [COLUMNS, tuple("---" for _ in COLUMNS), *map(_row, chosen)]
    lines = [f"| {' | '.join(row)} |" for row in rows]
    sums = [
        f"{owner}: {sum('failed' not in each[part] for each in measured)} of {len(measured)}"
        for owner, part in (("Tightfit", "ours"), ("torch-pruning", "peer"))
        if (measured := [each for each in chosen if part in each])
    ]
    return "\n".join([*lines, "", "; ".join(sums)])


def _row(record: Figures) -> tuple[str, ...]:
    name, ours = record["name"], record.get("ours", {"failed": "not measured"})
    peer = _peer(record.get("peer"))
    if "failed" in ours:
        return (name, f"failed: {_cell(ours['failed'])}", *[""] * (len(COLUMNS) - 3), peer)
    return (
        name if ours["ranks"] else f"{name} (no ranks)",
        ours["input"],
        f"{ours['params'] / 1e6:.3g}",
        str(ours["layers"]),
        str(ours["groups"]),
        str(ours["hparams"]),
        # Rounded down: 100 % is all of them.
        f"{math.floor(10_000 * ours['changeable_share']) / 100:.2f} %",
        f"{ours['size_kb']:,.0f}",
        f"{ours['smallest_kb']:,.0f} ({100 * ours['smallest_kb'] / ours['size_kb']:.2g} %)",
        f"{ours['counts_per_s']:,.0f} / {ours['metrics_per_s']:,.0f}",
        f"{ours['space_s']:.2g}",
        f"{ours['first_surgery_s']:.2g} / {ours['surgery_s']:.2g}",
        peer,
    )


def _peer(peer: Figures | None) -> str:
    if peer is None:
        return "not measured"
    if "failed" in peer:
        return _cell(peer["failed"])
    return f"ok, {peer['params_ratio']:.2f} of the parameters, {peer['prune_s']:.2g} s"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")

"""What a network is rebuilt from: ``config.toml`` of an export."""

from __future__ import annotations

import json

from tightfit import Choice
from tightfit.studies.export_report import Member


def export_config(member: Member) -> str:
    """Return what :func:`tightfit.studies.loading.load` needs, as TOML."""
    data = member.assembly.data
    model, space = member.plan.spec["model"], member.plan.spec["space"]
    lines = ["# Written by tightfit: enough to rebuild the network around model.safetensors.", ""]
    lines += ["[input]", f"baseline_shape = {json.dumps(list(data.input_shape))}"]
    if data.classes is not None:
        lines.append(f"classes = {data.classes}")
    lines += ["", "[model]", *_assignments(model)]
    target_cpu = member.assembly.study.spec.device.target_cpu
    lines += ["", "[device]", *_assignments({"target_cpu": target_cpu})]
    for name, table in space.items():
        if table is not None:
            lines += ["", f"[space.{name}]", *_assignments(table)]
    for name, value in member.choices.items():
        lines += ["", "[[candidate]]", f"name = {_value(name)}"]
        lines += _assignments({"value": value})
    return "\n".join(lines) + "\n"


def _assignments(values: dict[str, Choice | list[Choice]]) -> list[str]:
    """Return TOML lines; what is ``None`` is left out."""
    return [f"{key} = {_value(value)}" for key, value in values.items() if value is not None]


def _value(value: Choice | list[Choice]) -> str:
    """Return a TOML value: JSON's, but that TOML has no pairs of surrogates."""
    return json.dumps(value, ensure_ascii=False)

"""Names and numbers stay whole in a terminal of 80 columns, and in a narrower one."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from rich.console import Console, RenderableType
from rich.text import Text

from tightfit import Kind, Measurement, Reading, Stage
from tightfit.objectives.metrics import METRICS
from tightfit.spaces.sites import Sites
from tightfit.studies.backbones import COMPRESSED, FITS, TOO_LARGE, Backbone
from tightfit.studies.backbones_table import backbones_table
from tightfit.studies.first_fit import FirstFit
from tightfit.studies.inspecting import Inspection
from tightfit.studies.metrics_view import metrics_view

COSTS = {"params": 11.7e6, "macs": 1.81e9, "size_kb": 146_742.0, "ram_kb": 50_753.0}


def shown(what: RenderableType, width: int) -> list[str]:
    """Return the lines of a terminal, none of which is longer than it."""
    console = Console(width=width, file=io.StringIO(), record=True)
    console.print(what, highlight=False)
    lines = [line.rstrip() for line in console.export_text().splitlines()]
    assert all(len(line) <= width for line in lines)
    return lines


def backbone(name: str, verdict: str, reason: str) -> Backbone:
    readings = {
        metric: Reading(value, kind=Kind.COUNTED, stage=Stage.STATIC)
        for metric, value in {**COSTS, "latency_ms": 44.4}.items()
    }
    return Backbone(name, 0.698, Measurement(readings), verdict, reason)


FOUND = (
    backbone("resnet18", COMPRESSED, "breaks size_kb <= 6000"),
    backbone("mobilenet_v3_large", FITS, ""),
    backbone("wide_resnet101_2", TOO_LARGE, "breaks size_kb <= 6; no candidate keeps the limits"),
    Backbone("odd", None, Measurement(), reason="it does not run"),
)


def test_the_first_way_that_fits_is_shown_and_the_last_one_where_none_does() -> None:
    ways = FirstFit((Text("a long line"), Text("shorter"), Text("short")))
    assert shown(ways, 11) == ["a long line"]
    assert shown(ways, 10) == ["shorter"]
    assert shown(ways, 5) == ["short"]
    assert shown(ways, 4) == ["shor", "t"]


@pytest.mark.parametrize("width", [80, 100, 200])
def test_backbones_have_whole_names_and_numbers_at_any_width(width: int) -> None:
    lines = shown(backbones_table(FOUND, limited=True), width)
    text = "\n".join(lines)
    assert "…" not in text
    assert "only compressed: now breaks size_kb <= 6000" in text
    assert "it does not run" in text
    (row,) = [line for line in lines if "mobilenet_v3_large" in line and "146,742 kB" in line]
    assert "44.4 ms" in row
    assert ("% per M" in text) == (width > 80)


def test_backbones_without_limits_and_failures_have_no_verdicts() -> None:
    plain = [replace(each, verdict="", reason="") for each in FOUND[:2]]
    assert len(shown(backbones_table(plain, limited=False), 80)) == 4


def inspection(layer: str, group: str | None) -> Inspection:
    row = {
        "name": layer, "stage": "stage2", "operator": "conv", "shape": [512, 512, 3, 3],
        "params": 2_359_808, "macs": 1_118_013_952, "activations": 25_088, "group": group,
    }  # fmt: skip
    return Inspection(
        name="net",
        input_shape=(3, 224, 224),
        costs={"params": 2e6},
        state_dict_kb=1.0,
        auxiliary={},
        layers=(row,),
        sites=Sites((), (), ()),
        blocks={},
        fixed=None,
        computed={},
    )


def test_layers_have_whole_names_and_numbers_in_80_columns() -> None:
    found = inspection("layer2.0.downsample.0", "layer2.0.downsample.0")
    wide, narrow = shown(found.view(), 140), shown(found.view(), 80)
    assert "512x512x3x3" in wide[1]
    for line in (wide[1], narrow[1]):
        assert line.split()[0] == line.split()[-1] == "layer2.0.downsample.0"
        assert "2,359,808" in line
        assert "1,118,013,952" in line


def test_names_that_are_too_long_are_folded_and_not_cut() -> None:
    name = "encoder.layers.encoder_layer_11.self_attention.out_proj"
    lines = shown(inspection(name, None).view(), 80)
    assert "1,118,013,952" in lines[1]
    folded = "".join(line.split()[0] for line in lines[1 : lines.index("")])
    assert folded == name


def test_metrics_have_their_summaries_below_them() -> None:
    columns = ("name", "unit", "direction", "stage", "kind", "summary")
    rows = [{each: str(getattr(metric, each)) for each in columns} for metric in METRICS]
    lines = shown(metrics_view(rows), 80)
    assert lines[0].split() == ["name", "unit", "direction", "stage", "kind"]
    place = next(place for place, line in enumerate(lines) if line.startswith("flash_kb"))
    assert lines[place].split() == ["flash_kb", "kB", "minimize", "runtime", "counted"]
    assert lines[place + 1] == "    the file in the device's flash memory: its bytes"

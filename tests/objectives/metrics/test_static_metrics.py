from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tightfit.blueprint import Activation, Blueprint, Operation
from tightfit.metric import Direction, Kind, Stage
from tightfit.objectives.artifact.writer import write_onnx
from tightfit.objectives.metrics import (
    METRICS,
    SIZE_ERROR,
    SIZE_ERROR_KB,
    STATIC_METRICS,
    compute_static,
)
from tightfit.objectives.metrics.ram_kb import PEAK
from tightfit.objectives.profile import CPU, MICROCONTROLLER, EnergyTable
from tightfit.objectives.runtimes import RUNTIMES
from tightfit.program import Program
from tightfit.space import IntArray

Settings = Sequence[tuple[int | None, int]]
Residual = Callable[[Settings], Blueprint]
ResidualProgram = Callable[..., Program]


def test_every_metric_has_a_unit_a_stage_and_a_kind() -> None:
    told = {metric.name: (metric.unit, metric.stage, metric.kind) for metric in METRICS}
    assert told == {
        "params": ("", Stage.STATIC, Kind.COUNTED),
        "macs": ("", Stage.STATIC, Kind.COUNTED),
        "size_kb": ("kB", Stage.RUNTIME, Kind.COUNTED),
        "flash_kb": ("kB", Stage.RUNTIME, Kind.COUNTED),
        "ram_kb": ("kB", Stage.STATIC, Kind.COMPUTED),
        "energy_mj": ("mJ", Stage.STATIC, Kind.ESTIMATED),
        "power_mw": ("mW", Stage.STATIC, Kind.ESTIMATED),
        "download_kb": ("kB", Stage.RUNTIME, Kind.COUNTED),
        "download_s": ("s", Stage.RUNTIME, Kind.COMPUTED),
        "latency_ms": ("ms", Stage.RUNTIME, Kind.MEASURED),
        "latency_p99_ms": ("ms", Stage.RUNTIME, Kind.MEASURED),
        **{
            f"latency_ms.{runtime.name}": ("ms", Stage.RUNTIME, Kind.MEASURED)
            for runtime in RUNTIMES.values()
            if runtime.timed
        },
        "load_ms": ("ms", Stage.RUNTIME, Kind.MEASURED),
        "peak_kb": ("kB", Stage.RUNTIME, Kind.MEASURED),
    }
    assert all(metric.direction is Direction.MINIMIZE and metric.summary for metric in METRICS)


def test_what_a_later_stage_counts_is_a_prediction_with_an_error() -> None:
    for static in STATIC_METRICS:
        predicted = static.metric.stage is not Stage.STATIC
        assert (static.kind is Kind.ESTIMATED) or not predicted
        assert (static.relative_error > 0) == predicted
        if not predicted:
            assert static.kind is static.metric.kind


def test_the_error_of_a_prediction_is_the_larger_of_share_and_kilobytes() -> None:
    size = next(static for static in STATIC_METRICS if static.metric.name == "size_kb")
    np.testing.assert_allclose(size.error(np.array([10.0, 1000.0])), [SIZE_ERROR_KB, 20.0])


@pytest.mark.parametrize("bits", [None, 8, 4])
@pytest.mark.parametrize("width", [3, 32, 160])
def test_the_predicted_size_is_that_of_the_file(
    residual_blueprint: Residual,
    residual_program: ResidualProgram,
    tmp_path: Path,
    bits: int | None,
    width: int,
) -> None:
    program = residual_program(bits, width=width)
    written = write_onnx(program, tmp_path / "model.onnx", metadata={}) / 1000
    predicted = compute_static(residual_blueprint([(bits, width)]), CPU)["size_kb"][0]
    assert abs(predicted - written) <= max(SIZE_ERROR * written, SIZE_ERROR_KB)
    # Without metadata, what is left are a few attributes: much less than the stated error.
    assert abs(predicted - written) <= 0.6


def test_flash_holds_the_file(residual_blueprint: Residual) -> None:
    values = compute_static(residual_blueprint([(8, 32), (None, 16)]), CPU)
    np.testing.assert_array_equal(values["flash_kb"], values["size_kb"])


def test_parameters_and_macs_are_those_of_the_blueprint(residual_blueprint: Residual) -> None:
    values = compute_static(residual_blueprint([(None, 4), (4, 4)]), CPU)
    weights = [4 * 9, 4 * 4 * 9, 4 * 4 * 9, 8 * 4 * 9, 80]
    places = [196, 196, 196, 49, 1]
    assert values["params"].tolist() == [sum(weights) + 4 + 4 + 4 + 8 + 10] * 2
    expected = sum(w * p for w, p in zip(weights, places, strict=True))
    assert values["macs"].tolist() == [expected] * 2


def test_the_fullest_moment_is_found_in_execution_order(residual_blueprint: Residual) -> None:
    # In the block the stem's result waits for the sum while two convolutions follow each other.
    found = PEAK(residual_blueprint([(None, 16), (8, 16)]), CPU)
    assert found.tolist() == [3 * 16 * 196 * 4, 3 * 16 * 196]


def test_weights_count_where_the_profile_loads_them(residual_blueprint: Residual) -> None:
    blueprint = residual_blueprint([(None, 16), (8, 16), (4, 16)])
    loaded, stored = compute_static(blueprint, CPU), compute_static(blueprint, MICROCONTROLLER)
    np.testing.assert_allclose(stored["ram_kb"], PEAK(blueprint, CPU) / 1000)
    weights = 1000 * (loaded["ram_kb"] - stored["ram_kb"])
    channels = 16 + 16 + 16 + 32 + 10
    numbers = loaded["params"][0] - channels
    assert weights[0] == pytest.approx(4 * (numbers + channels))
    # Four bits save the file's bytes, not the memory's.
    assert weights[1] == weights[2] == pytest.approx(numbers + 8 * channels)


def test_energy_is_operations_and_bytes_times_the_table(residual_blueprint: Residual) -> None:
    blueprint = residual_blueprint([(None, 16), (8, 16)])
    arithmetic = EnergyTable(sram_pj_per_byte=0, dram_pj_per_byte=0)
    values = compute_static(blueprint, replace(CPU, energy=arithmetic))
    each = np.array([4.6, 0.3]) * 5
    np.testing.assert_allclose(values["energy_mj"], values["macs"] * each * 1e-9)
    moved = EnergyTable(float_mac_pj=0, integer_mac_pj=0, dram_pj_per_byte=0, sram_pj_per_byte=1)
    both = compute_static(blueprint, replace(CPU, energy=moved))["energy_mj"] * 1e9
    weights = 1000 * both
    assert 3 < weights[0] / weights[1] < 4
    # Nothing fits on the chip: the same bytes cost what the memory beside it costs.
    nothing = replace(CPU, energy=replace(moved, dram_pj_per_byte=7), sram_kb=0)
    np.testing.assert_allclose(compute_static(blueprint, nothing)["energy_mj"], 7e-9 * both)


def test_weights_read_where_the_file_lies_are_moved_packed(residual_blueprint: Residual) -> None:
    moved = EnergyTable(float_mac_pj=0, integer_mac_pj=0, dram_pj_per_byte=1, sram_pj_per_byte=1)
    blueprint = residual_blueprint([(8, 16), (4, 16)])
    energy = compute_static(blueprint, replace(MICROCONTROLLER, energy=moved))["energy_mj"]
    numbers = sum(operation.weights[0] for operation in blueprint.operations)
    assert 1e9 * (energy[0] - energy[1]) == pytest.approx(numbers / 2)


def test_power_is_energy_a_second_and_the_idle_machine(residual_blueprint: Residual) -> None:
    profile = replace(CPU, rate_hz=25, idle_mw=100)
    values = compute_static(residual_blueprint([(8, 16)]), profile)
    np.testing.assert_allclose(values["power_mw"], values["energy_mj"] * 25 + 100)


def column(*values: int) -> IntArray:
    return np.array(values, dtype=np.int64)


def operation(
    name: str, operator: str, reads: tuple[str, ...], writes: str, *, present: tuple[bool, bool]
) -> Operation:
    mask = column(*present)
    return Operation(
        name, operator, reads, writes, mask.astype(bool), 8 * mask, 8 * mask, column(1, 1), (1, 1),
        10 * mask, column(32, 32), False, column(0, 0),
    )  # fmt: skip


def test_candidates_of_one_batch_may_have_different_operations() -> None:
    """The second candidate splits its layer in two; the first has nothing of the halves."""
    activations = {
        "input": Activation("input", column(80, 80), column(32, 32)),
        "layer.0": Activation("layer.0", column(0, 40), column(0, 32)),
        "layer": Activation("layer", column(80, 80), column(32, 32)),
    }
    operations = (
        operation("layer", "conv", ("input",), "layer", present=(True, False)),
        operation("layer.0", "conv", ("input",), "layer.0", present=(False, True)),
        operation("layer.1", "conv", ("layer.0",), "layer", present=(False, True)),
    )
    blueprint = Blueprint(operations, activations, ("input",), ("layer",))
    assert PEAK(blueprint, CPU).tolist() == [640, 480]
    sizes = compute_static(blueprint, CPU)["size_kb"]
    assert 1000 * (sizes[1] - sizes[0]) == pytest.approx(4 * 64 + 60, abs=40)


def test_quantized_weights_whose_result_stays_float_are_computed_with_in_floats(
    residual_blueprint: Residual,
) -> None:
    blueprint = residual_blueprint([(8, 16)])
    float_result = replace(blueprint.activations["head"], bits=column(32))
    activations = {**blueprint.activations, "head": float_result}
    changed = replace(blueprint, activations=activations)
    before, after = (compute_static(b, CPU) for b in (blueprint, changed))
    assert after["ram_kb"][0] > before["ram_kb"][0]
    assert after["energy_mj"][0] > before["energy_mj"][0]


def test_a_metric_by_itself_is_what_it_is_among_all(residual_blueprint: Residual) -> None:
    blueprint = residual_blueprint([(8, 16), (None, 8)])
    together = compute_static(blueprint, MICROCONTROLLER)
    for static in STATIC_METRICS:
        alone = static.compute(blueprint, MICROCONTROLLER)
        np.testing.assert_array_equal(alone, together[static.metric.name])


def test_many_candidates_at_once_cost_what_they_cost_alone(residual_blueprint: Residual) -> None:
    settings = [(8, 16), (None, 8)]
    alone = compute_static(residual_blueprint(settings), CPU)
    together = compute_static(residual_blueprint(settings * 50_000), CPU)
    for name, costs in alone.items():
        np.testing.assert_array_equal(together[name], np.tile(costs, 50_000))

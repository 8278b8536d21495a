from __future__ import annotations

import base64
import hashlib
import io
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import numpy as np
import onnx
import psutil
import pytest

from tightfit.objectives.artifact.writer import write_onnx
from tightfit.objectives.meter import agent
from tightfit.objectives.meter.agent import Agent, Failure, Store, Timer, time_session
from tightfit.program import Program

ResidualProgram = Callable[..., Program]
HELLO = {
    "do": "hello",
    "runtime": "onnxruntime",
    "threads": 1,
    "spinning": False,
    "batch": 1,
    "processors": [],
}


@dataclass
class Machine:
    """A machine whose clock only runs move, whose pace may drift, and whose caches may be cold.

    They are cold for a file's first runs behind another one; a slow file has used them up itself.
    """

    drift: float = 0.0
    cold: float = 1.0
    now_ns: float = 0
    core_ns: float = 0
    order: list[str] = field(default_factory=list)

    def run(self, name: str, milliseconds: float, *, stolen: float = 0.0) -> Callable[[], object]:
        """A run of so long, which is kept from the processor for a share ``stolen`` beside it."""

        def once() -> None:
            warm = milliseconds > 10 or self.order[-3:] == [name] * 3
            cold = 1.0 if warm else self.cold
            self.order.append(name)
            took = 1e6 * milliseconds * cold * (1 + self.drift * self.now_ns / 1e9)
            self.core_ns += took
            self.now_ns += took * (1 + stolen)

        return once


@pytest.fixture
def on(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Machine]:
    """A factory of machines that replace the clocks."""

    def make(**more: float) -> Machine:
        machine = Machine(**more)  # type: ignore[arg-type]
        monkeypatch.setattr(time, "perf_counter_ns", lambda: int(machine.now_ns))
        monkeypatch.setattr(time, "thread_time_ns", lambda: int(machine.core_ns))
        monkeypatch.setattr(time, "perf_counter", lambda: machine.now_ns / 1e9)
        monkeypatch.setattr(time, "thread_time", lambda: machine.core_ns / 1e9)
        return machine

    return make


def timed(runs: Sequence[Callable[[], object]], *, threads: int = 1) -> tuple[float, ...]:
    return tuple(time_session(runs, 0.2, threads)["ms"])


def test_a_machine_that_slows_down_changes_no_ratio(on: Callable[..., Machine]) -> None:
    machine = on(drift=1.0)
    fast, slow = timed([machine.run("a", 1.0), machine.run("b", 4.0)])
    assert slow > 4.2
    assert fast / slow == pytest.approx(0.25, rel=0.05)


def test_runs_that_find_cold_caches_are_dropped(on: Callable[..., Machine]) -> None:
    machine = on(cold=3.0)
    assert timed([machine.run("a", 0.5), machine.run("b", 2.0)]) == pytest.approx((0.5, 2.0))


def test_a_fast_file_leaves_the_caches_that_a_slow_one_left_cold(
    on: Callable[..., Machine],
) -> None:
    machine = on(cold=1.08)
    assert timed([machine.run("a", 1.7), machine.run("b", 18.0)]) == pytest.approx((1.7, 18.0))


def test_blocks_of_the_files_alternate(on: Callable[..., Machine]) -> None:
    machine = on()
    timed([machine.run("a", 1.0), machine.run("b", 1.0)])
    changes = sum(a != b for a, b in zip(machine.order, machine.order[1:], strict=False))
    assert changes >= 3
    assert len(machine.order) / changes >= 10


def test_single_runs_are_told_where_they_are_asked_for(on: Callable[..., Machine]) -> None:
    machine = on(cold=3.0)
    runs = [machine.run("a", 0.5), machine.run("b", 18.0)]
    found = time_session(runs, 0.1, 1, runs=96)
    assert [len(each) >= 96 for each in found["runs"]] == [True, True]
    assert set(found["runs"][0]) == {0.5}
    assert found["ms"] == pytest.approx([0.5, 18.0])
    assert time_session(runs, 0.1, 1)["runs"] == [[], []]


@pytest.mark.parametrize("milliseconds", [0.01, 1.0, 30.0])
def test_a_session_keeps_its_budget(on: Callable[..., Machine], milliseconds: float) -> None:
    machine = on()
    timed([machine.run("a", milliseconds), machine.run("b", 2 * milliseconds)])
    fewest = 3 * milliseconds * (2 * agent.FEWEST_RUNS + 5) / 1000
    assert machine.now_ns / 1e9 <= max(0.35, fewest)


def test_it_warms_up_until_nothing_gets_faster() -> None:
    times = iter([90.0, 9.0, 8.0, 7.0, 6.0, 5.0, 5.1, 5.0, 5.2, 1.0])
    timer = Timer(lambda: None)
    timer.once = lambda: next(times)  # type: ignore[method-assign]
    assert timer.warm_up(1e9) == 5.0
    assert next(times) == 1.0


def test_an_interrupted_run_counts_with_its_time_on_the_processor(
    on: Callable[..., Machine],
) -> None:
    machine = on()
    found = time_session([machine.run("a", 1.0, stolen=0.7), machine.run("b", 4.0)], 0.2, 1)
    assert found["ms"] == pytest.approx([1.0, 4.0])
    assert 0.05 < found["waited"] < 0.3
    # With several threads the processor's time of one of them says nothing about the run.
    slow = timed([machine.run("a", 1.0, stolen=0.7)], threads=2)
    assert slow == pytest.approx((1.7,))


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/stat").exists(), reason="this system does not tell others")
def test_other_work_is_noticed() -> None:
    spin = "import time; end = time.monotonic() + 5\nwhile time.monotonic() < end: pass"
    others = [subprocess.Popen([sys.executable, "-c", spin]) for _ in range(os.cpu_count() or 1)]
    try:
        time.sleep(0.3)
        watch = agent.Watch(1)
        sum(range(30_000_000))
        seen = watch.seen()
    finally:
        for other in others:
            other.kill()
            other.wait()
    assert seen["others"] is not None
    assert seen["others"] > 0.3
    assert seen["waited"] is not None
    assert seen["waited"] > 0.05


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return Store()


def named(content: bytes) -> str:
    return f"{hashlib.sha256(content).hexdigest()}.onnx"


def test_a_file_arrives_in_parts_and_has_its_name_when_it_is_whole(store: Store) -> None:
    content = bytes(range(256)) * 40
    name = named(content)
    assert not store.have(name, None)
    for offset in range(0, len(content), 4096):
        assert not store.have(name, None)
        store.put(name, len(content), offset, content[offset : offset + 4096])
    assert store.have(name, None)
    assert store.path(name).read_bytes() == content
    assert [path.name for path in store.folder.iterdir()] == [name]


def test_a_file_on_a_disk_of_both_is_used_where_it_lies(store: Store, tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"net")
    assert store.have(named(b"net"), str(tmp_path / "model.onnx"))
    assert store.path(named(b"net")) == tmp_path / "model.onnx"
    assert not store.have(named(b"another"), str(tmp_path / "model.onnx"))


def test_bytes_that_changed_on_the_way_are_refused(store: Store) -> None:
    with pytest.raises(Failure, match="not those that were sent") as refused:
        store.put(named(b"net"), 3, 0, b"nut")
    assert refused.value.answer["failed"] == "damaged"
    assert list(store.folder.iterdir()) == []


def test_without_room_nothing_is_kept(store: Store) -> None:
    with pytest.raises(Failure, match=r"has [\d,]+ bytes left, 1(,000){6} are needed") as refused:
        store.put(named(b"net"), 10**18, 0, b"n")
    assert refused.value.answer["failed"] == "room"
    assert list(store.folder.iterdir()) == []


def test_files_used_longest_ago_make_room(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agent, "STORE_BYTES", 10)
    for age, content in ((300, b"aaaa"), (200, b"bbbb")):
        store.put(named(content), 4, 0, content)
        os.utime(store.path(named(content)), (time.time() - age,) * 2)
    assert store.have(named(b"aaaa"), None)  # used again
    store.put(named(b"cccc"), 4, 0, b"cccc")
    kept = [content for content in (b"aaaa", b"bbbb", b"cccc") if store.have(named(content), None)]
    assert kept == [b"aaaa", b"cccc"]


def test_files_of_one_question_make_no_room_for_each_other(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(agent, "STORE_BYTES", 10)
    names = [named(content) for content in (b"aaaa", b"bbbbbb", b"cccccc")]
    for name, content in zip(names, (b"aaaa", b"bbbbbb", b"cccccc"), strict=True):
        store.put(name, len(content), 0, content, names[1:])
    assert [store.path(name).read_bytes() for name in names[1:]] == [b"bbbbbb", b"cccccc"]
    with pytest.raises(Failure, match="is no longer in") as told:
        store.path(names[0])
    assert told.value.answer["failed"] == "gone"


@pytest.mark.parametrize(
    ("work", "more"),
    [("session", {"seconds": 0.1, "runs": 0}), ("answers", {"inputs": ""}), ("fresh", {})],
)
def test_a_file_that_made_room_is_an_answer_and_no_end(work: str, more: dict[str, Any]) -> None:
    name = named(b"never sent")
    answer = Agent().answer({"do": work, "files": [name], **more})
    assert (answer["failed"], answer["file"]) == ("gone", name)


def test_messages_are_lines_of_json(
    residual_program: ResidualProgram, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The program itself, in this process, as a device would be spoken to by hand."""
    write_onnx(residual_program(8), tmp_path / "model.onnx", metadata={})
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    content = (tmp_path / "model.onnx").read_bytes()
    name, text = named(content), base64.b64encode(content).decode()
    messages: list[dict[str, Any]] = [
        HELLO,
        {"do": "have", "name": name, "path": None},
        {"do": "put", "name": name, "size": len(content), "offset": 0, "data": text},
        {"do": "session", "files": [name], "seconds": 0.05, "runs": 0},
    ]
    answers = spoken(messages)
    assert answers[0]["runtime"].startswith("onnxruntime ")
    assert answers[1] == {"have": False}
    assert answers[2] == {}
    assert set(answers[3]) == {"ms", "runs", "waited", "others", "clock_mhz", "temperature_c"}
    assert answers[3]["ms"][0] > 0


def spoken(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    text = Path(agent.__file__).read_bytes()
    lines = "".join(f"{json.dumps(message)}\n" for message in messages).encode()
    stream = io.BytesIO(b"%d\n" % len(text) + text + lines)
    found = subprocess.run(
        [sys.executable, "-c", agent.BOOTSTRAP],
        input=stream.getvalue(),
        stdout=subprocess.PIPE,
        check=True,
    )
    return [json.loads(line) for line in found.stdout.splitlines()]


@pytest.mark.parametrize(
    ("message", "kind", "why"),
    [
        ({**HELLO, "runtime": "no_such_runtime"}, "runtime", "none of onnxruntime, openvino"),
        ({**HELLO, "processors": [4096]}, "processors", "Invalid argument"),
    ],
)
def test_what_the_device_lacks_is_told(message: dict[str, Any], kind: str, why: str) -> None:
    answer = Agent().answer(dict(message))
    assert answer["failed"] == kind
    assert why in answer["why"]


def test_a_system_that_tells_no_memory_says_why(
    residual_program: ResidualProgram, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_onnx(residual_program(8), tmp_path / "model.onnx", metadata={})

    def resident(_field: str, *, reset: bool = False) -> float:
        raise agent.Failure("memory", f"no clear_refs to write {reset} into")

    monkeypatch.setattr(agent, "resident", resident)
    found = Agent().do_alone("model.onnx", str(tmp_path / "model.onnx"))
    assert found["load_ms"] > 0
    assert found["peak_kb"] is None
    assert found["untold"] == "no clear_refs to write True into"


def test_a_load_time_holds_no_drawing_of_inputs(
    residual_program: ResidualProgram, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_onnx(residual_program(8), tmp_path / "model.onnx", metadata={})
    quick = np.random.default_rng

    def slow(seed: int) -> np.random.Generator:
        time.sleep(2)
        return quick(seed)

    monkeypatch.setattr(np.random, "default_rng", slow)
    found = Agent().do_alone("model.onnx", str(tmp_path / "model.onnx"))
    assert 0 < found["load_ms"] < 2000


def test_a_file_that_never_ends_in_a_fresh_process_is_given_up_and_its_process_with_it(
    residual_program: ResidualProgram, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "model.onnx"
    write_onnx(residual_program(8), path, metadata={})
    monkeypatch.setattr(agent, "FRESH_S", 1.0)
    monkeypatch.setattr(agent, "SOURCE", b"import time; time.sleep(60)")
    asked = Agent()
    name = f"{hashlib.sha256(path.read_bytes()).hexdigest()}.onnx"
    assert asked.answer({"do": "have", "name": name, "path": str(path)})["have"]
    answer = asked.answer({"do": "fresh", "files": [name]})
    assert (answer["failed"], answer["file"]) == ("run", name)
    assert answer["why"] == ": it did not end within 1 s"
    assert not [each for each in psutil.Process().children() if "-c" in each.cmdline()]


@pytest.mark.parametrize("told", [{"axis.height": "48", "axis.width": "64"}, {}])
def test_openvino_runs_pictures_of_the_size_that_the_file_says(
    tmp_path: Path, told: dict[str, str]
) -> None:
    pytest.importorskip("openvino")
    sides: list[str | int] = ["batch", "height", "width", 3]
    value = onnx.helper.make_tensor_value_info("in", onnx.TensorProto.FLOAT, sides)
    out = onnx.helper.make_tensor_value_info("out", onnx.TensorProto.FLOAT, sides)
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("Relu", ["in"], ["out"])], "g", [value], [out]
    )
    opset = onnx.helper.make_opsetid("", 17)
    model = onnx.helper.make_model(graph, ir_version=8, opset_imports=[opset])
    onnx.helper.set_model_props(model, told)
    onnx.save(model, tmp_path / "model.onnx")
    if not told:
        with pytest.raises(ValueError, match="'in' does not say how large it usually is"):
            agent.open_openvino(tmp_path / "model.onnx", 1, False, 2)
        return
    opened = agent.open_openvino(tmp_path / "model.onnx", 1, False, 2)
    opened.draw()
    (answer,) = cast(Any, opened.run()).values()
    assert answer.shape == (2, 48, 64, 3)


def test_it_imports_nothing_else() -> None:
    code = (
        f"import sys; before = set(sys.modules); exec(compile(open({agent.__file__!r}).read(), "
        "'agent', 'exec'), {'__name__': 'agent'}); "
        "print({name.split('.')[0] for name in set(sys.modules) - before} "
        "- set(sys.stdlib_module_names))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert found.stdout.strip() == "set()"

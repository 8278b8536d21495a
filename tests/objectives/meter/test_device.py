from __future__ import annotations

import platform
import shutil
import sys
from pathlib import Path

import numpy as np
import psutil
import pytest

from tightfit.errors import MeasurementError, SpecError
from tightfit.objectives.latency import LatencyMeter
from tightfit.objectives.meter import device as device_module
from tightfit.objectives.meter.device import Device, DeviceSettings, NoRuntimeError
from tightfit.objectives.meter.taking import Precision
from tightfit.objectives.runtimes import OnnxRuntime, predict

Nets = tuple[Path, Path]
Served = tuple[DeviceSettings, psutil.Process]
PYTHON = sys.executable
SHELL = """command:sh -c '{} exec "$0" "$@"' """ + PYTHON


def via(command: str, **more: object) -> Device:
    return Device(DeviceSettings(command, **more))  # type: ignore[arg-type]


def agents() -> list[psutil.Process]:
    """Processes of this one that look like agents."""
    return [each for each in psutil.Process().children() if "-c" in each.cmdline()]


@pytest.mark.parametrize("connect", ["local", f"command:{PYTHON} -", f"command:env A=1 {PYTHON}"])
def test_files_are_measured_beside_each_other(cache: Path, nets: Nets, connect: str) -> None:
    device = via(connect)
    facts = device.facts()
    assert facts.architecture == platform.machine()
    assert str(facts).endswith(", 1 thread")
    assert "onnxruntime 1." in str(facts)
    narrow, wide = device.session(nets, 0.1).ms
    assert 0 < narrow < wide
    assert cache.exists() == (connect != "local")
    device.close()
    assert agents() == []


def test_a_run_is_of_all_pictures_that_go_through_at_once(nets: Nets) -> None:
    one, many = via("local"), via("local", batch=32)
    assert str(many.facts()).endswith(", 1 thread, 32 pictures at once")
    assert many.session(nets[1:], 0.1).ms[0] > 5 * one.session(nets[1:], 0.1).ms[0]
    assert many.fresh(nets[1]).load_ms > 0
    one.close()
    many.close()


@pytest.mark.slow
def test_the_same_file_measures_over_ssh(cache: Path, nets: Nets, sshd: Served) -> None:
    device = Device(sshd[0])
    meter = LatencyMeter(nets[1], device, precision=Precision(0.3, seconds=0.5))
    assert meter.measure(nets[0]).ratio.median < 0.6
    assert device.facts().runtime.startswith("onnxruntime ")
    peak_kb = device.fresh(nets[1]).peak_kb
    assert peak_kb is not None
    assert peak_kb > 100
    assert len(list(cache.iterdir())) == 2
    device.close()


def test_a_file_is_found_where_it_lies_now(nets: Nets, tmp_path: Path) -> None:
    """Two candidates that differ in their training alone have the same file before it."""
    device = via("local")
    for folder in ("a", "b"):
        path = tmp_path / folder / "model.onnx"
        path.parent.mkdir()
        shutil.copy(nets[0], path)
        assert device.session([path], 0.01).ms[0] > 0
        path.unlink()
    device.close()


def test_a_file_is_sent_once(cache: Path, nets: Nets) -> None:
    first, again = via(f"command:{PYTHON}"), via(f"command:{PYTHON}")
    first.session(nets, 0.01)
    sent = {path: path.stat().st_ctime_ns for path in cache.iterdir()}
    nets[0].rename(nets[0].with_name("other.onnx"))
    again.session([nets[0].with_name("other.onnx"), nets[1]], 0.01)
    assert len(sent) == 2
    assert {path.stat().st_ino for path in sent} == {path.stat().st_ino for path in cache.iterdir()}
    for each in (first, again):
        each.close()


def test_a_file_that_made_room_for_others_is_sent_again(cache: Path, nets: Nets) -> None:
    device = via(f"command:{PYTHON}")
    device.session(nets, 0.01)
    for path in cache.iterdir():
        path.unlink()
    assert len(device.session(nets, 0.01).ms) == 2
    assert device.fresh(nets[0]).load_ms > 0
    device.close()


def test_a_file_that_was_written_anew_is_measured_anew(nets: Nets) -> None:
    device = via("local")
    (before,) = device.session([nets[0]], 0.05).ms
    nets[0].write_bytes(nets[1].read_bytes())
    (after,) = device.session([nets[0]], 0.05).ms
    assert after > 1.5 * before
    device.close()


def test_answers_are_those_of_the_file_there(cache: Path, nets: Nets) -> None:
    device = via(SHELL.format(""))
    inputs = np.random.default_rng(0).standard_normal((5, 1, 28, 28)).astype(np.float32)
    for path in nets:
        expected = predict(OnnxRuntime().open(path), inputs)
        np.testing.assert_array_equal(device.answers(path, inputs), expected)
    assert list(cache.rglob("*.onnx"))
    with pytest.raises(MeasurementError, match=r"onnxruntime could not run .*Got invalid dim"):
        device.answers(nets[0], inputs[:, :, 1:])
    device.close()


@pytest.mark.slow
def test_memory_and_load_time_are_those_of_a_new_process(nets: Nets) -> None:
    device = via("local")
    device.session(nets, 0.01)
    narrow, wide = (device.fresh(path) for path in nets)
    assert narrow.peak_kb is not None
    assert wide.peak_kb is not None
    assert 0 < narrow.peak_kb < wide.peak_kb
    assert wide.peak_kb * 1000 > 4 * nets[1].stat().st_size / 4
    assert narrow.load_ms > 0
    device.close()


def test_what_a_login_prints_is_no_answer(nets: Nets) -> None:
    device = via(SHELL.format("echo welcome; echo 42;"))
    assert device.session(nets, 0.01).ms[0] > 0
    device.close()


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """New attempts come at once."""
    monkeypatch.setattr(device_module, "PAUSES_S", (0.0, 0.1))


@pytest.mark.usefixtures("hasty")
def test_a_lost_connection_is_opened_again(nets: Nets) -> None:
    device = via("local")
    device.session(nets, 0.01)
    for agent in agents():
        agent.kill()
    assert device.session(nets, 0.01).ms[0] > 0
    device.close()


@pytest.mark.slow
@pytest.mark.usefixtures("hasty", "cache")
def test_a_lost_ssh_connection_is_opened_again(nets: Nets, sshd: Served) -> None:
    device = Device(sshd[0])
    device.session(nets, 0.01)
    for process in sshd[1].children(recursive=True):
        process.kill()
    assert device.session(nets, 0.01).ms[0] > 0
    device.close()


@pytest.mark.slow
@pytest.mark.usefixtures("hasty", "cache")
def test_a_server_that_is_gone_is_a_device_that_does_not_answer(nets: Nets, sshd: Served) -> None:
    device = Device(sshd[0])
    device.session(nets, 0.01)
    for process in (*sshd[1].children(recursive=True), sshd[1]):
        process.kill()
    with pytest.raises(SpecError, match=r"'ssh:\w+@box' does not answer: .*Connection refused"):
        device.session(nets, 0.01)


@pytest.mark.usefixtures("hasty", "cache")
def test_a_file_that_ends_the_device_each_time_is_to_blame(nets: Nets, tmp_path: Path) -> None:
    script = tmp_path / "dying.py"
    patch = "source = source.replace(b'answer = time_session', b'os._exit(3)'); exec("
    script.write_text(f"import sys\nexec(sys.argv[2].replace('exec(', {patch!r}))\n")
    message = r"was lost 3 times while it measured '.*narrow\.onnx': it ended with code 3"
    with pytest.raises(MeasurementError, match=message):
        via(f"command:{PYTHON} {script}").session(nets, 0.01)


@pytest.mark.parametrize(
    ("connect", "message"),
    [
        ("command:no-such-program python3", "does not answer: no-such-program: No such file"),
        ("command:sh -c 'echo Lost in space >&2; exit 9'", "does not answer: Lost in space"),
        (f"command:{PYTHON} -S", r"no usable onnxruntime \(ModuleNotFoundError.*device\.python"),
        ("ssh:nobody@127.0.0.1:1", "does not answer: "),
    ],
)
def test_a_device_that_cannot_be_used_is_told_in_a_line(connect: str, message: str) -> None:
    with pytest.raises(SpecError, match=message) as refused:
        via(connect).facts()
    assert "\n" not in str(refused.value)
    # A claim about a runtime that is not there stays open; a device that is gone ends a proof.
    assert isinstance(refused.value, NoRuntimeError) == ("no usable" in message)


@pytest.mark.slow
def test_a_silent_device_is_not_waited_for_forever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device_module, "HELLO_S", 0.3)
    with pytest.raises(SpecError, match=r"sleep 60.* does not answer: no answer in time"):
        via("command:sh -c 'sleep 60'").facts()


@pytest.mark.parametrize("talking", ["sh -c yes", "sh -c 'while :; do echo no; sleep 0.01; done'"])
def test_a_device_that_only_talks_is_not_waited_for_forever(
    monkeypatch: pytest.MonkeyPatch, talking: str
) -> None:
    monkeypatch.setattr(device_module, "HELLO_S", 0.3)
    with pytest.raises(SpecError, match=r"does not answer: no answer in time"):
        via(f"command:{talking}").facts()


def test_a_device_of_another_architecture_is_refused() -> None:
    message = f"has the architecture '{platform.machine()}', not 'riscv64'"
    with pytest.raises(SpecError, match=message):
        via("local", architecture="riscv64").facts()
    device = via("local")
    device.require("riscv64")
    with pytest.raises(SpecError, match=message):
        device.facts()
    assert agents() == []


def test_a_device_without_room_is_told_and_keeps_nothing(cache: Path, nets: Nets) -> None:
    device = via(SHELL.format("ulimit -f 8;"))
    with pytest.raises(SpecError, match=r"has no room for a model's file: .*File too large"):
        device.session([nets[1]], 0.01)
    assert list(cache.iterdir()) == []
    device.close()


def test_processors_that_are_not_there_are_told() -> None:
    with pytest.raises(SpecError, match=r"cannot run on the processors \[4096\] alone"):
        via("local", processors=(4096,)).facts()


def test_a_damaged_file_is_named(nets: Nets) -> None:
    nets[0].write_bytes(b"no net at all")
    device = via("local")
    with pytest.raises(MeasurementError, match=r"onnxruntime could not load '.*narrow\.onnx': .*"):
        device.session(nets, 0.01)
    with pytest.raises(MeasurementError, match=r"onnxruntime could not load '.*narrow\.onnx': .*"):
        device.fresh(nets[0])
    device.close()


@pytest.mark.parametrize("connect", ["", "ssh:", "ssh:-oProxyCommand=x", "usb:3", "command: -"])
def test_a_way_that_leads_nowhere_is_refused(connect: str) -> None:
    with pytest.raises(SpecError, match=r"'device\.connect' must be 'local', 'ssh:user@host' or"):
        via(connect)

"""Nets to measure, and ways to reach a device: a process here, and a real sshd on loopback."""

from __future__ import annotations

import getpass
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from tightfit.objectives.artifact.writer import write_onnx
from tightfit.objectives.meter.device import DeviceSettings
from tightfit.program import Program

ResidualProgram = Callable[..., Program]
SSHD = shutil.which("sshd", path=os.pathsep.join((os.environ["PATH"], "/usr/sbin", "/sbin")))


@pytest.fixture
def nets(residual_program: ResidualProgram, tmp_path: Path) -> tuple[Path, Path]:
    """The files of a narrow net and of a wide one."""
    paths = tmp_path / "narrow.onnx", tmp_path / "wide.onnx"
    for path, width in zip(paths, (8, 64), strict=True):
        write_onnx(residual_program(None, width=width), path, metadata={})
    return paths


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder where agents started by this process keep files."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "tightfit" / "files"


@pytest.fixture
def sshd(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[DeviceSettings, psutil.Process]]:
    """A device at the other end of a real connection, and its server."""
    if SSHD is None:
        pytest.skip("there is no sshd; the package openssh-server has it")
    folder = tmp_path / "ssh"
    folder.mkdir()
    for name in ("host", "user"):
        key = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)]
        subprocess.run(key, check=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    _configure(folder, port, cache)
    if os.geteuid() == 0:  # its processes without rights are locked into this folder
        Path("/run/sshd").mkdir(exist_ok=True)
    real = shutil.which("ssh")
    shim = folder / "bin" / "ssh"
    shim.parent.mkdir()
    shim.write_text(f'#!/bin/sh\nexec {real} -F {folder / "client.conf"} "$@"\n')
    shim.chmod(0o755)
    monkeypatch.setenv("PATH", os.pathsep.join((str(shim.parent), os.environ["PATH"])))
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen([SSHD, "-D", "-e", "-f", str(folder / "server.conf")], stderr=log)
    try:
        _wait(port, server, folder / "log")
        connect = f"ssh:{getpass.getuser()}@box"
        yield DeviceSettings(connect, python=sys.executable), psutil.Process(server.pid)
    finally:
        server.terminate()
        server.wait()


def _configure(folder: Path, port: int, cache: Path) -> None:
    (folder / "keys").write_text((folder / "user.pub").read_text())
    paths = ":".join(entry for entry in sys.path if entry)
    (folder / "server.conf").write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {folder / 'host'}\nPidFile none\n"
        f"AuthorizedKeysFile {folder / 'keys'}\nStrictModes no\nPasswordAuthentication no\n"
        f"SetEnv XDG_CACHE_HOME={cache.parents[1]} PYTHONPATH={paths}\n"
    )
    (folder / "client.conf").write_text(
        f"Host box\n HostName 127.0.0.1\n Port {port}\n IdentityFile {folder / 'user'}\n"
        f" IdentitiesOnly yes\n UserKnownHostsFile {folder / 'known'}\n"
        " StrictHostKeyChecking accept-new\n LogLevel ERROR\n"
    )


def _wait(port: int, server: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(100):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        assert server.poll() is None, log.read_text()
        time.sleep(0.05)
    raise AssertionError(f"sshd does not listen: {log.read_text()}")

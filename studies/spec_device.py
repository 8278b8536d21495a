"""Where the network will run: the table ``[device]`` of a study file."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from tightfit.objectives.meter.connection import agent_command
from tightfit.spaces.settings import TargetCpu
from tightfit.studies.spec_table import Positive, PositiveInt, Share, Table

RuntimeName = Literal["onnxruntime", "openvino", "executorch", "litert", "tflite-micro"]


class DeviceTable(Table):
    """Where the network will run."""

    profile: str = Field(
        "cpu", description="Constants of the static metrics: cpu, microcontroller."
    )
    rate_hz: Positive | None = Field(
        None, description="Pictures a second, for power_mw; that of the profile when not given."
    )
    idle_mw: Annotated[float, Field(ge=0)] | None = Field(
        None,
        description="Milliwatts without any picture, for power_mw; those of the profile when not "
        "given.",
    )
    link_kbps: Positive | None = Field(
        None,
        description="Kilobits a second of the link that brings the file, for download_s; those of "
        "the profile when not given.",
    )
    runtime: RuntimeName = Field(
        "onnxruntime",
        description="Serves the network: its latency, load time and memory are measured in it, and "
        "its answers are scored. openvino and executorch come with an extra of their name, litert "
        "(phones) and tflite-micro (microcontrollers), which read integers alone, with litert.",
    )
    threads: PositiveInt = Field(1, description="Threads of the runtime.")
    batch: PositiveInt = Field(
        1, description="Pictures at once: latency, load time and memory are those of all of them."
    )
    target_cpu: TargetCpu = Field(
        "portable",
        description="Quantized files compute the same everywhere with 'portable': 8-bit weights "
        "stay within 7 bits. 'vnni' and 'arm' use all 8, for processors that add in 32 bits.",
    )
    connect: str = Field(
        "local", description="Where files are measured: local, ssh:user@host or command:..."
    )
    python: str = Field(
        "python3", description="Command that starts Python on a device that is reached by ssh."
    )
    architecture: str | None = Field(
        None, description="What the device must be, e.g. aarch64; not checked when not given."
    )
    processors: tuple[Annotated[int, Field(ge=0)], ...] = Field(
        (), description="Numbers of the processors that the runtime may use; all when not given."
    )
    spinning: bool = Field(
        False,
        description="Whether the threads of onnxruntime wait for each other without sleeping.",
    )
    interval: Share = Field(
        0.02, description="Half of a latency's 95 % interval, as a share, that is narrow enough."
    )
    seconds: Positive = Field(
        3.0, description="When a latency's measurement stops, its interval narrow or not."
    )

    @model_validator(mode="after")
    def _reachable(self) -> DeviceTable:
        agent_command(self.connect, self.python)
        if 0 < len(set(self.processors)) < self.threads:
            raise ValueError(
                f"{self.threads} threads need as many processors, got {list(self.processors)}"
            )
        if self.spinning and self.runtime != "onnxruntime":
            raise ValueError(
                f"only threads of onnxruntime can be told to spin, not those of {self.runtime!r}; "
                "leave out spinning"
            )
        return self

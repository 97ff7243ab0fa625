"""What this machine lacks, before it matters: each check gives one line that says what is there and what to do.

In: settings. Out: findings. A `fail` means that something will not work, a `warn` that it will work less well.
"""

import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import psutil

from pipelines.io.kafka import Cluster
from pipelines.settings import Settings
from pipelines.stack.java import find_java
from pipelines.stack.process import Background
from pipelines.stack.secrets import missing_secrets
from pipelines.stack.service import Service, require_free, require_own_ports
from pipelines.stack.stack import services
from schemas.errors import ConfigError, FeedwheelError

Level = Literal["ok", "warn", "fail"]

_PYTHON_FROM, _PYTHON_BELOW = (3, 11), (3, 14)
_GIB: Final = 1024**3
_FRESH_DISK_GIB: Final = 12
"""The environment takes 8 (its installer's cache shares the files on one disk), jars and models 1; the rest is room."""
_RUNNING_DISK_GIB: Final = 2
"""An installed stack's next turns: a model of 0.2 to 0.6 GiB each, tables, logs."""
_CORES: Final = 2
_MEMORY_GIB: Final = 8
"""Measured at rest: Airflow 1.0, MLflow 0.4, Kafka 0.4, serving 0.4; the others are for training and curation."""

_PROVIDERS: Final = ("CUDAExecutionProvider", "CPUExecutionProvider")


@dataclass(frozen=True, slots=True)
class Finding:
    """One check: what was found and, unless all is well, what to do."""

    check: str
    level: Level
    found: str
    advice: str = ""


@dataclass(frozen=True, slots=True)
class DoctorReport:
    """Every finding, in the order of the checks."""

    findings: tuple[Finding, ...]

    @property
    def failed(self) -> bool:
        """Whether something will not work."""
        return any(finding.level == "fail" for finding in self.findings)


def diagnose(settings: Settings, app: str) -> DoctorReport:
    """Run every check, for `app` too. None leaves anything behind."""
    try:
        known = list(services(settings).values())
    except ConfigError:
        known = []  # access to Kafka is set wrongly: its own check says how
    checks: list[Callable[[], list[Finding]]] = [
        lambda: [python(sys.version_info[:2])],
        lambda: [java(settings.java_home)],
        lambda: [cores(_usable_cores())],
        lambda: [memory(psutil.virtual_memory().total)],
        lambda: [disk(settings.home)],
        lambda: [writable(settings.home)],
        lambda: [configuration(settings, app)],
        lambda: [secret_keys(settings)],
        lambda: [kafka(settings)],
        lambda: [own_ports(known)],
        lambda: [ports(service, settings.home) for service in known],
        lambda: [onnx_providers()],
    ]
    return DoctorReport(tuple(finding for check in checks for finding in check()))


def python(version: tuple[int, ...]) -> Finding:
    """The interpreter's version."""
    found = f"Python {version[0]}.{version[1]} on {platform.system()} {platform.machine()}"
    if _PYTHON_FROM <= version < _PYTHON_BELOW:
        return Finding("python", "ok", found)
    return Finding("python", "fail", found, "install Python 3.11, 3.12 or 3.13, remove .venv, run `make setup`")


def java(java_home: Path | None) -> Finding:
    """The Java that runs Kafka."""
    try:
        there = find_java(java_home)
    except FeedwheelError as error:
        found, _, advice = str(error).partition(": ")
        return Finding("java", "fail", found, advice)
    return Finding("java", "ok", f"Java {there.version} at {there.path}")


def cores(count: int) -> Finding:
    """Processors that we may use."""
    found = f"{count} cores"
    return (
        Finding("cores", "ok", found)
        if count >= _CORES
        else Finding("cores", "warn", found, f"it works, but a turn is timed on {_CORES}")
    )


def _usable_cores() -> int:
    # A container or `taskset` may allow fewer than the machine has; macOS cannot tell.
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def memory(total: int) -> Finding:
    """Memory of the machine, in bytes."""
    found = f"{total / _GIB:.1f} GiB of memory"
    if total >= _MEMORY_GIB * _GIB:
        return Finding("memory", "ok", found)
    return Finding("memory", "warn", found, f"the whole stack and a training take {_MEMORY_GIB} GiB: start parts of it")


def disk(home: Path) -> Finding:
    """Free disk where the home directory is or will be."""
    free = shutil.disk_usage(_existing(home)).free
    found = f"{free / _GIB:.1f} GiB free at {home.absolute()}"
    if free < _RUNNING_DISK_GIB * _GIB:
        return Finding("disk", "fail", found, f"free at least {_RUNNING_DISK_GIB} GiB, or move FEEDWHEEL_HOME")
    if free < _FRESH_DISK_GIB * _GIB:
        return Finding("disk", "warn", found, f"enough to go on, but a fresh installation takes {_FRESH_DISK_GIB} GiB")
    return Finding("disk", "ok", found)


def _existing(path: Path) -> Path:
    path = path.absolute()
    return next(parent for parent in (path, *path.parents) if parent.exists())


def writable(home: Path) -> Finding:
    """Whether we can write to the home directory, or create it."""
    directory = _existing(home)
    try:
        with tempfile.TemporaryFile(dir=directory):
            return Finding("home", "ok", f"{home.absolute()} can be written")
    except OSError as error:
        advice = "give this user write access, or set FEEDWHEEL_HOME to a directory of its own"
        return Finding("home", "fail", f"cannot write to {directory}: {error.strerror}", advice)


def configuration(settings: Settings, app: str) -> Finding:
    """Whether the product configuration is valid and has the application."""
    try:
        config = settings.config()
        config.app(app)
    except FeedwheelError as error:
        return Finding("configuration", "fail", str(error), "correct that line; feedwheel.toml explains each section")
    return Finding("configuration", "ok", f"{settings.config_path.absolute()}, applications: {', '.join(config.apps)}")


def secret_keys(settings: Settings) -> Finding:
    """Whether every secret is given, and the local file is for its owner only."""
    file, missing = settings.home / "secrets.env", missing_secrets(settings)
    if missing and file.exists():
        return Finding("secrets", "fail", f"{file} lacks {', '.join(missing)}", "restore them from where you keep them")
    if missing:
        return Finding("secrets", "warn", "not generated yet", "`feedwheel up` generates them")
    if file.exists() and file.stat().st_mode & 0o077:
        return Finding("secrets", "warn", f"others can read {file}", f"chmod 600 {file}")
    return Finding("secrets", "ok", "present")


def kafka(settings: Settings) -> Finding:
    """Whether the Kafka that is given by a setting lets us in."""
    try:
        access = settings.kafka
        if settings.kafka_bootstrap_servers is None:
            return Finding("kafka", "ok", f"the local stack's own, {access}")
        Cluster(access).view([])
    except FeedwheelError as error:
        found, _, advice = str(error).rpartition(": ")
        return Finding("kafka", "fail", found, advice)
    who = f", as {access.username}" if access.uses_sasl else ""
    return Finding("kafka", "ok", f"{access} lets us in by {access.security_protocol}{who}")


def own_ports(all_services: Sequence[Service]) -> Finding:
    """Whether every service has ports of its own."""
    try:
        require_own_ports(all_services)
    except FeedwheelError as error:
        found, _, advice = str(error).partition(": ")
        return Finding("ports", "fail", found, advice)
    return Finding("ports", "ok", "each service has its own")


def ports(service: Service, home: Path) -> Finding:
    """Whether a service's ports are free, or its own already."""
    check = f"ports of {service.name}"
    if service.given_by:
        return Finding(check, "ok", f"not needed: {service.given_by} gives {service.address}")
    if Background(home, service.name).process():
        return Finding(check, "ok", f"its own: {service.name} is running")
    try:
        for port in service.ports:
            require_free(port, service.name)
    except FeedwheelError as error:
        found, _, advice = str(error).partition(": ")
        return Finding(check, "fail", found, advice)
    return Finding(check, "ok", f"free: {', '.join(str(port.number) for port in service.ports)}")


def onnx_providers() -> Finding:
    """What really runs a model: ONNX Runtime falls back silently, so a session is made and asked."""
    try:
        import onnxruntime
    except ImportError as error:
        return Finding("onnx runtime", "fail", f"cannot be imported: {error}", "run `make setup`")
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # that CUDA cannot be loaded is what we report ourselves
    onnxruntime.set_default_logger_severity(4)
    # Of all providers that were compiled in, those that serving would use.
    offered = [name for name in onnxruntime.get_available_providers() if name in _PROVIDERS]
    session = onnxruntime.InferenceSession(_identity_model(), options, providers=offered)
    found = f"runs on {', '.join(session.get_providers())}"
    if "CUDAExecutionProvider" in session.get_providers():
        return Finding("onnx runtime", "ok", found)
    reason = "built with CUDA, which cannot be loaded here" if "CUDAExecutionProvider" in offered else "built for CPU"
    return Finding("onnx runtime", "ok", f"{found} ({reason})", "fine; on a CUDA machine it would use the GPU")


def _identity_model() -> bytes:
    from onnx import TensorProto, helper

    value = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in ("x", "y")]
    graph = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "identity", value[:1], value[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return bytes(model.SerializeToString())

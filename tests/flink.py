"""A real Flink for tests: Beam's job server, which runs Flink in its own process."""

import time
from dataclasses import dataclass
from pathlib import Path

from pipelines.stack.jars import FLINK_LOCK, classpath
from pipelines.stack.java import find_java
from pipelines.stack.probe import listens
from pipelines.stack.process import Background, Launch
from tests.ports import free_port

START_S = 60
HEAP_MB = 768
OPENED = ("java.util", "java.lang", "java.nio", "java.time")
"""What Flink's serialisers reach into, and Java 17 closes."""


@dataclass
class JobServer:
    """Beam's job server with Flink in the same process; a session of its own, ended whole."""

    home: Path
    jars: Path
    port: int

    @property
    def endpoint(self) -> str:
        return f"localhost:{self.port}"

    @property
    def _process(self) -> Background:
        return Background(self.home, "flink")

    def start(self) -> None:
        """Return when it takes jobs."""
        work = self.home / "flink"
        work.mkdir(parents=True, exist_ok=True)
        opened = [option for name in OPENED for option in ("--add-opens", f"java.base/{name}=ALL-UNNAMED")]
        ports = {"job-port": self.port, "artifact-port": self.port + 1, "expansion-port": self.port + 2}
        argv = [
            str(find_java(None).path),
            f"-Xmx{HEAP_MB}m",
            "-XX:+UseSerialGC",
            "-XX:TieredStopAtLevel=1",
            f"-Djava.io.tmpdir={work}",
            "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
            "-Dorg.slf4j.simpleLogger.showDateTime=true",
            *opened,
            "org.apache.beam.runners.flink.FlinkJobServerDriver",
            "--job-host=localhost",
            f"--artifacts-dir={work / 'artifacts'}",
            "--flink-master=[local]",
            *(f"--{name}={port}" for name, port in ports.items()),
        ]
        self._process.start(Launch(argv, {"CLASSPATH": classpath(self.jars, FLINK_LOCK)}))
        deadline = time.monotonic() + START_S
        while not listens("localhost", self.port):
            assert self._process.process(), self._process.tail()
            assert time.monotonic() < deadline, self._process.tail()
            time.sleep(0.1)

    def stop(self) -> None:
        self._process.stop(grace_s=10)

    def kill(self) -> None:
        """As a crash would: SIGKILL for it and for Flink inside it."""
        self._process.kill()


def job_server(home: Path, jars: Path) -> JobServer:
    """One that is not started yet, on three free ports."""
    return JobServer(home, jars, free_port(3))

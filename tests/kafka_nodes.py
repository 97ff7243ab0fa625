"""Kafka as deployments have it: several brokers, or one that lets nobody in without a password or a certificate."""

import subprocess
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from feedwheel_capture.access import KafkaAccess
from kafka.errors import KafkaError

from pipelines.io.kafka_admin import admin_client
from pipelines.stack.jars import classpath
from pipelines.stack.java import find_java
from pipelines.stack.kafka import SMALL_JVM
from pipelines.stack.process import Background, Launch
from schemas.errors import InfrastructureError

HEAP = "-Xmx256m"
CLUSTER_ID = "k0000000000000000000AA"
READY_S = 60.0


@dataclass
class KafkaNodes:
    """Brokers that are controllers too, each two ports from `first_port` on: its clients', and its controller's.

    `options` go into each broker's properties, `listeners` are named ports besides PLAINTEXT; `scram` users exist.
    """

    home: Path
    jars: Path
    first_port: int
    count: int = 1
    options: Mapping[str, str] = field(default_factory=dict)
    listeners: Mapping[str, int] = field(default_factory=dict)
    scram: Sequence[str] = ()

    @property
    def access(self) -> KafkaAccess:
        """All of them, without security."""
        return KafkaAccess(",".join(f"127.0.0.1:{self._port(node)}" for node in self._nodes))

    @property
    def _nodes(self) -> range:
        return range(1, self.count + 1)

    def _port(self, node: int) -> int:
        return self.first_port + 2 * (node - 1)

    def _process(self, node: int) -> Background:
        return Background(self.home, f"kafka-{node}")

    def start(self) -> None:
        """Return when every broker is in the cluster."""
        with ThreadPoolExecutor(self.count) as pool:
            list(pool.map(self._format, self._nodes))
        for node in self._nodes:
            self.start_node(node)
        self.wait_for(self.count)

    def start_node(self, node: int) -> None:
        """Start one that is not running."""
        argv = [
            str(find_java(None).path),
            HEAP,
            *SMALL_JVM,
            "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
            "kafka.Kafka",
            str(self._properties(node)),
        ]
        self._process(node).start(Launch(argv, {"CLASSPATH": classpath(self.jars)}))

    def kill(self, node: int) -> None:
        """As a crash would: SIGKILL."""
        self._process(node).kill()

    def stop(self) -> None:
        """End all of them at once: nothing is needed any more."""
        for node in self._nodes:
            self._process(node).kill()

    def wait_for(self, brokers: int) -> None:
        """Return when the cluster says that it has so many."""
        deadline = time.monotonic() + READY_S
        while self._alive() != brokers:
            assert time.monotonic() < deadline, "\n".join(self._process(node).tail() for node in self._nodes)
            time.sleep(0.1)

    def _alive(self) -> int:
        try:
            with admin_client(self.access, 2.0) as client:
                return len(client.describe_cluster()["brokers"])
        except (InfrastructureError, KafkaError):
            return 0

    def data(self, node: int) -> Path:
        """Where a node keeps its logs."""
        return self._properties(node).parent / "data"

    def _properties(self, node: int) -> Path:
        return self.home / f"kafka-{node}" / "server.properties"

    def _format(self, node: int) -> None:
        directory = self._properties(node).parent
        directory.mkdir(parents=True)
        self._properties(node).write_text(self._text(node), encoding="utf-8")
        users = [option for user in self.scram for option in ("--add-scram", user)]
        tool = [str(find_java(None).path), "-Xmx128m", *SMALL_JVM, "-cp", classpath(self.jars)]
        tool += ["kafka.tools.StorageTool", "format", "-t", CLUSTER_ID, "-c", str(self._properties(node)), *users]
        subprocess.run(tool, capture_output=True, text=True, timeout=60, check=True)

    def _text(self, node: int) -> str:
        listeners = {"PLAINTEXT": self._port(node), **self.listeners, "CONTROLLER": self._port(node) + 1}
        replicas = str(self.count)
        given = {
            "process.roles": "broker,controller",
            "node.id": str(node),
            "listeners": ",".join(f"{name}://127.0.0.1:{port}" for name, port in listeners.items()),
            "controller.listener.names": "CONTROLLER",
            "controller.quorum.voters": ",".join(f"{each}@127.0.0.1:{self._port(each) + 1}" for each in self._nodes),
            "log.dirs": str(self.data(node)),
            "auto.create.topics.enable": "false",
            "default.replication.factor": replicas,
            "min.insync.replicas": str(self.count // 2 + 1),
            "offsets.topic.replication.factor": replicas,
            "offsets.topic.num.partitions": "1",
            "transaction.state.log.replication.factor": replicas,
            "transaction.state.log.num.partitions": "1",
            # A killed broker holds its place until its session ends.
            "broker.session.timeout.ms": "3000",
            "broker.heartbeat.interval.ms": "500",
            **self.options,
        }
        return "".join(f"{name}={value}\n" for name, value in given.items())

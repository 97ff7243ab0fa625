"""What the declared topics hold at one moment.

In: the topics of feedwheel.toml and a cluster. Out: every partition with its identity and bounds. Raises
InfrastructureError if the cluster does not answer or lacks a declared topic: a name spelt wrongly must not pass for a
topic without events.
"""

from pipelines.context import Context
from pipelines.ingest.offsets import Source
from pipelines.ingest.plan import PartitionLog
from pipelines.io.kafka import Cluster
from schemas.errors import InfrastructureError


def survey(context: Context) -> list[PartitionLog]:
    """Every partition of every declared topic, by topic and partition."""
    declared = context.config.topics
    cluster = Cluster(context.settings.kafka)
    view = cluster.view(sorted(declared))
    if missing := sorted(declared.keys() - view.topics.keys()):
        raise InfrastructureError(
            f"Kafka at {context.settings.kafka} has no topic {', '.join(missing)}: create it (`feedwheel up kafka` "
            f"creates ours), or correct [topics] in {context.settings.config_path}"
        )
    return [
        PartitionLog(topic.name, declared[topic.name], Source(view.id, topic.id, partition), bounds)
        for topic in view.topics.values()
        for partition, bounds in sorted(cluster.bounds(topic).items())
    ]

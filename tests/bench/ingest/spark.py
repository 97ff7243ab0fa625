"""Contestant: Spark Structured Streaming, Kafka to Delta, `availableNow` and `from_json`.  BOOTSTRAP TOPIC DIRECTORY"""

import sys

from pyspark.sql import SparkSession
from pyspark.sql.functions import col, from_json

from tests.bench.ingest.race import race

PACKAGES = "io.delta:delta-spark_4.2_2.13:4.4.0,org.apache.spark:spark-sql-kafka-0-10_2.13:4.2.0"
EVENT = """id string, source string, type string, time timestamp, subject string, specversion string,
datacontenttype string, data struct<app string, user_key string, user_key_id bigint, split_bucket bigint,
consent string, redactor string, response_id string, request_id string, conversation_id string, turn bigint,
app_type string, model string, model_version string, arm string, input array<struct<role string, content string, length
bigint>>, prefix_hash string, request_hash string, thread_hash string, output string, output_length bigint,
finish_reason string, input_tokens bigint, output_tokens bigint, latency_ms double>"""
OPTIONS = {
    "spark.jars.packages": PACKAGES,
    "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
    "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.sql.shuffle.partitions": "2",
    "spark.databricks.delta.snapshotPartitions": "2",
    "spark.driver.memory": "4g",
}


def main(bootstrap: str, topic: str, directory: str) -> None:
    builder = SparkSession.builder.master("local[2]")
    for name, value in OPTIONS.items():
        builder = builder.config(name, value)
    spark = builder.getOrCreate()
    spark.sparkContext.setLogLevel("ERROR")

    def drain(number: int) -> dict[str, object]:
        table = f"{directory}/{number}"
        source = spark.readStream.format("kafka").option("kafka.bootstrap.servers", bootstrap)
        values = source.option("subscribe", topic).option("startingOffsets", "earliest").load()
        events = values.select(
            from_json(col("value").cast("string"), EVENT).alias("event"), "topic", "partition", "offset", "timestamp"
        ).select("event.*", "topic", "partition", "offset", "timestamp")
        writing = events.writeStream.format("delta").option("checkpointLocation", f"{directory}/checkpoint-{number}")
        writing.trigger(availableNow=True).start(table).awaitTermination()
        return {"table": table}

    race(drain)


main(*sys.argv[1:])

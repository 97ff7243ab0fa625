"""Kafka to bronze, by the clock or when triggered."""

from airflow.sdk import DAG, CronTriggerTimetable

from dags.assets import BRONZE
from dags.stages import DEFAULT_ARGUMENTS, stage_task
from pipelines.entry import applications, schedule

with DAG(
    dag_id="feedwheel_ingest",
    schedule=CronTriggerTimetable(schedule().ingest, timezone="UTC"),
    catchup=False,
    max_active_runs=1,
    default_args=DEFAULT_ARGUMENTS,
    tags=["feedwheel"],
    doc_md="""
### Kafka to bronze

Reads every declared topic up to where it ended when the run began and commits rows and offsets together. Killing it
loses nothing and repeats nothing; the next run goes on where the last commit ended.

* **Skipped**: no new events. Nothing to do.
* **Retrying**: Kafka or the lake does not answer. See `feedwheel status`.
* **Failed**: the log was cut before our offset, or a table breaks its contract. The message says what to decide.
* Is everything there? `feedwheel reconcile`. What was rejected, and why? `feedwheel dlq list`.
""",
):
    # Topics are shared, so one drain serves every application; the name only selects what the report shows.
    stage_task("ingest", applications()[0], BRONZE)

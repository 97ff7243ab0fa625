"""Few files instead of many, by the clock."""

from airflow.sdk import DAG, CronTriggerTimetable

from dags.stages import DEFAULT_ARGUMENTS, stage_task
from pipelines.entry import applications, schedule

with DAG(
    dag_id="feedwheel_maintain",
    schedule=CronTriggerTimetable(schedule().maintain, timezone="UTC"),
    catchup=False,
    max_active_runs=1,
    default_args=DEFAULT_ARGUMENTS,
    tags=["feedwheel"],
    doc_md="""
### Maintenance of the tables

Merges the small files that every commit leaves, deletes files of older versions after 7 days, and lets the payloads of
rejected records expire after 14. Rows stay as they are, and ingest and extract may run meanwhile.

* **Skipped**: nothing to merge, nothing to delete.
* **Retrying**: another maintainer has a table (`feedwheel privacy apply`, or this by hand), or the lake is away.
* **Failed**: the message names the table. Nothing is half done: `feedwheel maintain` goes on from there.
* What would it do? `feedwheel maintain --dry-run`.
""",
):
    # Tables are shared, so one run serves every application.
    stage_task("maintain", applications()[0])

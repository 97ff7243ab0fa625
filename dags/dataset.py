"""Admitted signals to data sets, one DAG for each application, whenever signals were admitted."""

from airflow.sdk import DAG, AssetOrTimeSchedule, CronTriggerTimetable

from dags.assets import gold, silver
from dags.stages import DEFAULT_ARGUMENTS, stage_task
from pipelines.entry import applications, schedule

DOC = """
### Admitted signals to data sets

`curate` labels, redacts, deduplicates and decontaminates; `dataset` splits by person and writes evaluation and
finetuning sets with a manifest. `calibrate` learns from what people said on purpose how much their other signals are
worth; where that changes, the next `extract` judges all conversations anew. Nothing waits for it.

* **dataset skipped**: fewer new examples than `trigger.min_new_examples` in feedwheel.toml. Wait, or lower it.
* **curate retrying**: other rules judged what is there than those of now. The next `extract` judges all of it again.
* **calibrate skipped**: labels confirm what is believed.
* Every dropped row is in `gold/dropped` with its step and reason; counts of every step are in `ops/runs`.
* Is a set what its manifest says? `feedwheel dataset replay ID`.
"""

for app in applications():
    with DAG(
        dag_id=f"feedwheel_dataset_{app}",
        schedule=AssetOrTimeSchedule(
            timetable=CronTriggerTimetable(schedule().dataset, timezone="UTC"),
            assets=[silver(app)],
        ),
        catchup=False,
        max_active_runs=1,
        default_args=DEFAULT_ARGUMENTS,
        tags=["feedwheel", app],
        doc_md=DOC,
    ):
        curated = stage_task("curate", app)
        curated >> stage_task("dataset", app, gold(app))
        # After what was judged by the rules of now is read: what it learns is for the next extract.
        curated >> stage_task("calibrate", app)

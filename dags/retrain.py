"""Data sets to a proposed challenger, one DAG for each application, whenever a data set is worth it."""

from airflow.sdk import DAG, AssetOrTimeSchedule, CronTriggerTimetable

from dags.assets import gold, release
from dags.stages import DEFAULT_ARGUMENTS, stage_task
from pipelines.entry import applications, schedule

DOC = """
### Data sets to a proposed challenger

`train` fits an adapter to the newest set; `evaluate` exports it and compares it with the champion on the gate items;
`release` proposes it to serving, which draws people to it and decides by what they say and do.

* **evaluate or release skipped**: INCONCLUSIVE. Too few gate items or answers; they accumulate with every turn.
* **release failed**: FAIL. People's answers say that the challenger is worse. The champion stays.
* **MARGINAL** waits for you: `feedwheel promote` approves it, `feedwheel promote --waive REASON` overrides any verdict
  and records why.
* Undo a release: `feedwheel rollback`. Serving also does so by itself when people like the challenger less.
"""

for app in applications():
    with DAG(
        dag_id=f"feedwheel_retrain_{app}",
        schedule=AssetOrTimeSchedule(
            timetable=CronTriggerTimetable(schedule().retrain, timezone="UTC"),
            assets=[gold(app)],
        ),
        catchup=False,
        max_active_runs=1,
        default_args=DEFAULT_ARGUMENTS,
        tags=["feedwheel", app],
        doc_md=DOC,
    ):
        stage_task("train", app) >> stage_task("evaluate", app) >> stage_task("release", app, release(app))

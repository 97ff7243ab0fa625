"""Bronze to admitted signals, one DAG for each application, whenever bronze has grown."""

from airflow.sdk import DAG, AssetOrTimeSchedule, CronTriggerTimetable

from dags.assets import BRONZE, silver
from dags.stages import DEFAULT_ARGUMENTS, stage_task
from pipelines.entry import applications, schedule

DOC = """
### Bronze to admitted signals

`extract` recomputes the conversations that new events, silence or a change of consent touched; `validate` admits those
that keep the contract and whose batch looks like data we know. `privacy` takes what people no longer allow out of what
is stored, and deletes files of older versions; nothing waits for it.

* **extract skipped**: nothing was touched.
* **validate failed**: the batch is not admitted, and nothing downstream sees it. The message names the expectation,
  what was observed and what is allowed, and the page that shows all of it; the record is in `ops/gates`, failing rows
  in `silver/rejected`. Remove the cause; or start `feedwheel_waive_<app>` with a reason, which admits the batch.
* **privacy skipped**: nobody has withdrawn anything. **failed**: `feedwheel privacy apply` goes on where it was.
* Where did an answer or a person's data go? `feedwheel lineage ID`.
"""

for app in applications():
    with DAG(
        dag_id=f"feedwheel_signals_{app}",
        # The clock is no mere safety net here: silence becomes a signal without any event.
        schedule=AssetOrTimeSchedule(
            timetable=CronTriggerTimetable(schedule().signals, timezone="UTC"),
            assets=[BRONZE],
        ),
        catchup=False,
        max_active_runs=1,
        default_args=DEFAULT_ARGUMENTS,
        tags=["feedwheel", app],
        doc_md=DOC,
    ):
        extracted = stage_task("extract", app)
        extracted >> stage_task("validate", app, silver(app))
        # By the clock too: files of older versions become old enough without any event.
        extracted >> stage_task("privacy", app, always=True)

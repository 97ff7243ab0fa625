"""A person lets a batch pass that the gate on feedback data refused: one DAG for each application, started by hand."""

from airflow.sdk import DAG, Param

from dags.assets import silver
from dags.stages import DEFAULT_ARGUMENTS, stage_task
from pipelines.entry import applications

DOC = """
### Waive the gate on feedback data

Admits what `validate` refused, and what follows goes on. The reason and your name stay on record in `ops/gates`.

* It covers the batch that waits now, and no later one. Rows that break their contract stay rejected.
* **validate skipped**: nothing waits. **failed**: every conversation has a row that breaks its contract.
"""

for app in applications():
    with DAG(
        dag_id=f"feedwheel_waive_{app}",
        schedule=None,
        catchup=False,
        max_active_runs=1,
        default_args=DEFAULT_ARGUMENTS,
        tags=["feedwheel", app],
        doc_md=DOC,
        params={"waive": Param(type="string", minLength=1, title="Reason", description="Why the batch is admitted.")},
    ):
        stage_task("validate", app, silver(app), given=["waive"])

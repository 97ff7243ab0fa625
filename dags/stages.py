"""One Airflow task per stage, and what its outcome means to Airflow.

No new data, or too little evidence: the task is skipped, and so is what follows. A gate that says no: failed, without a
retry. A service that is not there: retried. Only success emits the asset (design, section 9).
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import Asset, task

if TYPE_CHECKING:
    from airflow.sdk import XComArg

    from pipelines.runs import Stage

DEFAULT_ARGUMENTS = {
    "owner": "feedwheel",
    "retries": 2,
    "retry_delay": timedelta(seconds=20),  # a restarted broker or tracking server is back by then
    "execution_timeout": timedelta(minutes=95),  # a local task's token lives about 100 minutes
}


def stage_task(
    stage: "Stage", app: str, outlet: Asset | None = None, *, always: bool = False, given: Sequence[str] = ()
) -> "XComArg":
    """A task that runs `stage` for `app` and, if it succeeds, emits `outlet`; `always`: also after one that skipped.

    Params of the run that are named in `given` go to the stage, with who started the run.
    """

    @task(task_id=stage, outlets=[outlet] if outlet else [], trigger_rule="none_failed" if always else "all_success")
    def run(params: dict[str, Any] | None = None, dag_run: Any = None) -> dict[str, Any]:
        from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

        from pipelines.entry import run_stage
        from schemas.errors import FeedwheelError

        said = {name: params[name] for name in given} if params else {}
        try:
            return run_stage(stage, app, **said, by=dag_run.triggering_user_name) if said else run_stage(stage, app)
        except FeedwheelError as error:
            if error.skips:
                raise AirflowSkipException(str(error)) from error
            if error.retryable:
                raise
            raise AirflowFailException(str(error)) from error

    return run()

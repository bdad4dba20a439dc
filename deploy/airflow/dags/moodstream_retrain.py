"""Every six hours: check quality and drift; if needed, train a challenger, wait for its shadow scores and promote it.

To retrain whatever the checks find, trigger a run with the configuration {"force": true}.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from moodstream_tasks import decisions, steps

try:  # Airflow 3
    from airflow.sdk import dag, get_current_context, task
    from airflow.sdk.bases.sensor import PokeReturnValue
except ImportError:  # Airflow 2.11
    from airflow.decorators import dag, task
    from airflow.operators.python import get_current_context
    from airflow.sensors.base import PokeReturnValue

EVERYWHERE = {
    "retries": 2,
    "retry_delay": timedelta(minutes=2),
    "retry_exponential_backoff": True,
    "execution_timeout": timedelta(hours=1),
}


def _name(step: str) -> str:
    """A name for this attempt of a step: a retry starts a new run, a repeated request of the same attempt does not."""
    context = get_current_context()
    return f"{context['run_id']}-{step}-{context['ti'].try_number}".replace(":", "").replace("+", "")


def _now() -> str:
    """The end of the time that this run is about (ISO 8601)."""
    context = get_current_context()
    moment = context.get("data_interval_end") or context.get("logical_date") or datetime.now(UTC)
    return str(moment.isoformat())


@dag(
    dag_id="moodstream_retrain",
    description="Checks drift, and trains and promotes a new model if needed",
    schedule="0 */6 * * *",
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    dagrun_timeout=timedelta(hours=5),
    default_args=EVERYWHERE,
    tags=["moodstream"],
    doc_md=__doc__,
)
def moodstream_retrain() -> None:
    """Check, train, evaluate, wait for shadow scores, promote, notify."""

    @task
    def check() -> list[str]:
        settings = steps.settings()
        measured = steps.check(settings, _name("check"), now=_now())
        run = get_current_context()["dag_run"]
        return decisions.reasons_to_train(
            measured,
            settings,
            forced=bool((run.conf or {}).get("force")),
            has_model=steps.has_champion(settings, _name("list")),
        )

    @task.short_circuit(ignore_downstream_trigger_rules=False)
    def needed(reasons: list[str]) -> bool:
        return bool(reasons)

    @task
    def train() -> dict[str, Any]:
        return {**steps.train(steps.settings(), _name("train")), "trained_at": datetime.now(UTC).isoformat()}

    @task
    def evaluate(trained: dict[str, Any]) -> dict[str, Any] | None:
        return steps.evaluate(steps.settings(), _name("evaluate"), str(trained["version"]))

    @task.sensor(poke_interval=60, timeout=4 * 3600, mode="reschedule")
    def shadowed(trained: dict[str, Any]) -> PokeReturnValue:
        """Wait while the running stream collects scores of the challenger beside those of the champion."""
        age = datetime.now(UTC) - datetime.fromisoformat(trained["trained_at"])
        return PokeReturnValue(is_done=age >= timedelta(minutes=steps.settings().shadow_minutes))

    @task
    def promote() -> dict[str, Any]:
        return steps.promote(steps.settings(), _name("promote"))

    @task(trigger_rule="all_done")
    def notify() -> str:
        """Publish the outcome, also after a failure."""
        pull = get_current_context()["ti"].xcom_pull
        reasons = pull(task_ids="check")
        if reasons is None:
            subject, text = "Moodstream: retraining stopped", "The checks failed; see the log of the task check."
        else:
            subject, text = decisions.retraining_message(
                reasons=reasons,
                trained=pull(task_ids="train"),
                evaluated=pull(task_ids="evaluate"),
                promoted=pull(task_ids="promote"),
            )
        steps.notify(steps.settings(), subject, text)
        return f"{subject}\n{text}"

    reasons = check()
    gate = needed(reasons)
    trained = train()
    last = promote()
    gate >> trained
    [evaluate(trained), shadowed(trained)] >> last >> notify()
    # Airflow calls a run a success if its last task succeeds: with `verdict` it fails where the work failed.
    [reasons, trained, last] >> verdict()


@task(trigger_rule="none_failed", retries=0)
def verdict() -> None:
    """Fails if a task of the work failed, since `notify` succeeds in any case."""


moodstream_retrain()

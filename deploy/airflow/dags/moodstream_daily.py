"""Every night: report about the day, maintain the tables, refresh the catalogue and the dashboards.

Where `moodstream.reports` names a place, the day before is also written there as one HTML file with plots and word
clouds, and its summary is published to the alerts' topic, whose subscribers get it by e-mail.

To report about an earlier day, trigger a run with that logical date: the report is about the 24 hours before it.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from moodstream_tasks import decisions, steps

try:  # Airflow 3
    from airflow.sdk import dag, get_current_context, task
except ImportError:  # Airflow 2.11
    from airflow.decorators import dag, task
    from airflow.operators.python import get_current_context

EVERYWHERE = {
    "retries": 2,
    "retry_delay": timedelta(minutes=2),
    "retry_exponential_backoff": True,
    "execution_timeout": timedelta(hours=2),
}


def _run() -> tuple[str, str]:
    """The end of the time that this run is about (ISO 8601), and a name for this attempt."""
    context = get_current_context()
    moment = context.get("data_interval_end") or context.get("logical_date") or datetime.now(UTC)
    name = f"{context['run_id']}-{context['ti'].task_id}-{context['ti'].try_number}"
    return str(moment.isoformat()), name.replace(":", "").replace("+", "")


@dag(
    dag_id="moodstream_daily",
    description="The daily report and the maintenance of the tables",
    schedule="30 2 * * *",
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    dagrun_timeout=timedelta(hours=6),
    default_args=EVERYWHERE,
    tags=["moodstream"],
    doc_md=__doc__,
)
def moodstream_daily() -> None:
    """Report, and at the same time maintain the tables; then refresh catalogue and dashboards."""

    @task
    def report() -> str:
        settings = steps.settings()
        now, name = _run()
        subject, text = decisions.daily_message(now[:10], steps.check(settings, name, now=now))
        steps.notify(settings, subject, text)
        return f"{subject}\n{text}"

    @task
    def maintain() -> dict[str, object]:
        return steps.maintain(steps.settings(), _run()[1])

    @task
    def catalogue() -> list[str]:
        return steps.crawl(steps.settings())

    @task
    def dashboards() -> list[str]:
        return steps.refresh_dashboards(steps.settings(), _run()[1])

    @task
    def day_in_pictures() -> str:
        settings = steps.settings()
        now, name = _run()
        day = str(datetime.fromisoformat(now).date() - timedelta(days=1))
        written = steps.day_report(settings, name, day)
        if written is None:
            return "no report is wanted, or the day has no text"
        subject, text = decisions.report_message(day, written)
        steps.notify(settings, subject, text)
        return f"{subject}\n{text}"

    report()
    day_in_pictures()
    maintain() >> catalogue() >> dashboards()


moodstream_daily()

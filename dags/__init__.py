"""Airflow DAGs: schedules and order. Each task calls one entry point of `pipelines`; logic lives there."""

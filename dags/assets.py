"""The assets that chain the DAGs. An asset event is a wake-up: tasks find what is new from the tables' own versions."""

from airflow.sdk import Asset

BRONZE = Asset(name="feedwheel-bronze", uri="feedwheel://bronze")


def silver(app: str) -> Asset:
    """Admitted signals of an application."""
    return Asset(name=f"feedwheel-{app}-silver", uri=f"feedwheel://{app}/silver")


def gold(app: str) -> Asset:
    """Data sets of an application that are worth a training run."""
    return Asset(name=f"feedwheel-{app}-gold", uri=f"feedwheel://{app}/gold")


def release(app: str) -> Asset:
    """Challengers proposed to serving."""
    return Asset(name=f"feedwheel-{app}-release", uri=f"feedwheel://{app}/release")

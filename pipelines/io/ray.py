"""Ray: a small quiet cluster inside this process's machine, or the one that settings name."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from pipelines.settings import Settings

LOCAL_CPUS: Final = 2
_OBJECT_STORE_BYTES: Final = 256 * 1024 * 1024
"""Candidates of a million messages; what does not fit goes to disk."""


@contextmanager
def ray_session(settings: Settings) -> Iterator[None]:
    """Connect to Ray, or start it, and leave it as it was found."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    # Workers see every accelerator or none as the driver does; the warning is about a default that changes.
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    os.environ.setdefault("RAY_TRAIN_V2_ENABLED", "1")
    import ray
    import ray.data

    if ray.is_initialized():
        yield
        return
    if settings.ray_address:
        ray.init(settings.ray_address, logging_level=logging.ERROR, log_to_driver=False)
    else:
        ray.init(
            "local",
            num_cpus=LOCAL_CPUS,
            object_store_memory=_OBJECT_STORE_BYTES,
            include_dashboard=False,
            logging_level=logging.ERROR,
            log_to_driver=False,
        )
    for name in ("ray", "ray.data"):  # each run would announce its plan and its paths
        logging.getLogger(name).setLevel(logging.ERROR)
    try:
        yield
    finally:
        ray.shutdown()

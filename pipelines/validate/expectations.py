"""Great Expectations, imported in the one way we use it: it reports nothing to anyone and warns of nothing unused."""

import logging
import os
import warnings
from collections.abc import Mapping
from typing import Any

# Read at import.
os.environ["GX_ANALYTICS_ENABLED"] = "false"
with warnings.catch_warnings():
    # It imports modules that Python deprecates, and pyspark, which warns of pandas 3; no Spark runs here.
    warnings.filterwarnings("ignore", "module 'sre_(constants|parse)' is deprecated", DeprecationWarning)
    warnings.filterwarnings("ignore", "PySpark does not yet fully support pandas", FutureWarning)
    import great_expectations as gx
    from great_expectations import expectations as gxe
    from great_expectations.data_context.types.base import ProgressBarsConfig
    from great_expectations.expectations.expectation import Expectation
    from great_expectations.render.renderer.page_renderer import ValidationResultsPageRenderer
    from great_expectations.render.view import DefaultJinjaPageView

logging.getLogger("great_expectations").setLevel(logging.WARNING)

__all__ = [
    "DefaultJinjaPageView",
    "Expectation",
    "ProgressBarsConfig",
    "ValidationResultsPageRenderer",
    "gx",
    "gxe",
    "name_of",
]


def name_of(kind: str, arguments: Mapping[str, Any]) -> str:
    """For example `column_values_to_be_in_set(arm)`."""
    columns = arguments.get("column") or ", ".join(
        arguments.get("column_list") or filter(None, (arguments.get("column_A"), arguments.get("column_B")))
    )
    return f"{kind.removeprefix('expect_')}({columns})"

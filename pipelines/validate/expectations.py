"""Great Expectations, imported in the one way we use it: it reports nothing to anyone and warns of nothing unused."""

import logging
import os
import warnings

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

logging.getLogger("great_expectations").setLevel(logging.WARNING)

__all__ = ["Expectation", "ProgressBarsConfig", "gx", "gxe"]

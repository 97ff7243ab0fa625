"""Train: a data set to a LoRA adapter of the base model (I3, I8).

In: gold/datasets. Out: `<home>/models/<app>/<version>/adapter`, an MLflow run, a row of ops/models. `stage` goes
through the steps; `fitting` has `worker` train on Ray, with the batches of `packing` and the loss of `weighted`;
`progress` is how it says how far it is.
"""

from pipelines.train.stage import TrainReport, run

__all__ = ["TrainReport", "run"]

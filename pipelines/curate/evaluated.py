"""What earlier versions evaluated with: nothing that touches it trains, in any later version (I5).

In: the data sets of an application. Out: what people wrote in their evaluation items. The data sets are the index that
is kept: each is a version that never changes but for the texts of people who take theirs back, which leave it too.
"""

import pyarrow.compute as pc

from pipelines.io.lake import Lake


def newest_dataset(lake: Lake, app: str) -> str | None:
    """Id of the newest data set of `app`; ids are ordered by time."""
    ids = lake.read("gold/datasets/manifests", ["dataset_id"], pc.field("app") == app).column("dataset_id")
    return max(ids.to_pylist(), default=None)


def evaluated_texts(lake: Lake, app: str, through: str | None) -> list[str]:
    """What people wrote in the evaluation items of every data set of `app` up to that one, each text once, sorted."""
    from pipelines.curate.examples import user_text  # which reads evidence, which reads this

    if through is None:
        return []
    wanted = (pc.field("app") == app) & (pc.field("set_name") == "eval") & (pc.field("dataset_id") <= through)
    prompts = lake.read("gold/datasets/examples", ["prompt"], wanted).column("prompt").to_pylist()
    return sorted({user_text(prompt) for prompt in prompts} - {""})

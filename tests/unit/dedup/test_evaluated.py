"""What earlier data sets evaluated with: up to the named one, of the application asked, without withdrawn texts."""

from pipelines.curate.evaluated import evaluated_texts, newest_dataset
from pipelines.io.lake import Lake
from schemas.tables import TABLES
from tests.events import START

FILLERS = {"string": "x", "double": 0.5, "bool": False, "int32": 0, "int64": 0}


def example(dataset_id, text, set_name="eval", app="routing"):
    row = {field.name: FILLERS.get(str(field.type), []) for field in TABLES["gold/datasets/examples"].schema}
    prompt = [{"role": "system", "content": "be brief"}, {"role": "user", "content": text}]
    said = {"dataset_id": dataset_id, "app": app, "set_name": set_name, "prompt": prompt, "example_time": START}
    return row | said


def test_only_evaluation_items_of_data_sets_up_to_the_named_one(tmp_path):
    lake = Lake(str(tmp_path))
    lake.append(
        "gold/datasets/examples",
        [
            example("a", "where is it"),
            example("b", "where is it"),
            example("b", "who took it"),
            example("b", ""),
            example("b", "trained on", set_name="sft"),
            example("b", "elsewhere", app="helpdesk"),
            example("c", "too late"),
        ],
    )
    assert evaluated_texts(lake, "routing", "b") == ["where is it", "who took it"]
    assert evaluated_texts(lake, "routing", None) == []
    assert newest_dataset(lake, "routing") is None

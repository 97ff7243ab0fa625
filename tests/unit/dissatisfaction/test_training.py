import json

import pytest
import typer
from mlflow import MlflowClient
from typer.testing import CliRunner

from feedback.dissatisfaction.model import DissatisfactionModel
from pipelines.cli import satisfaction, signals
from tests.conftest import TEST_SECRETS

app = typer.Typer()
satisfaction.register(app)
signals.register(app)

PRAISE, SCORN = ("Great, thank you!", "Wow, cool, I like that."), ("What? That makes no sense.", "No, you are wrong.")


@pytest.fixture(scope="module")
def corpora(tmp_path_factory):
    """Two published corpora in small, as their publishers wrote them."""
    data = tmp_path_factory.mktemp("data")
    (data / "conture").mkdir()
    dialogs = [
        {
            "dialog_id": number,
            "dialog_ratings": [{"human (overall)": 3}],
            "turns": [
                {
                    "user": f"User: {(SCORN if number % 2 else PRAISE)[turn % 2] if turn else 'Do you like jazz?'}",
                    "chatbot": f"Chatbot: {'bananas are nice' if number % 2 else 'I like jazz a lot'}",
                    "overall impression": 0 if number % 2 else 2,
                }
                for turn in range(4)
            ],
        }
        for number in range(60)
    ]
    (data / "conture" / "data.json").write_text(json.dumps(dialogs))
    folder = data / "dbdc3" / "dev" / "BOT_1"
    folder.mkdir(parents=True)
    marks = {"O": [{"breakdown": "O"}] * 3, "X": [{"breakdown": "X"}, {"breakdown": "X"}, {"breakdown": "T"}]}
    for number in range(40):
        bad = number % 2
        said = [
            {"speaker": "U", "utterance": "Do you like jazz?", "annotations": []},
            {
                "speaker": "S",
                "utterance": "bananas are nice" if bad else "I like jazz a lot",
                "annotations": marks["X" if bad else "O"],
            },
            {"speaker": "U", "utterance": (SCORN if bad else PRAISE)[0], "annotations": []},
        ]
        (folder / f"{number}.log.json").write_text(json.dumps({"turns": said}))
    return data


def run(*arguments):
    return CliRunner().invoke(app, ["satisfaction", *map(str, arguments)])


def test_the_same_corpora_and_seed_give_the_same_weights_and_score_takes_them(corpora, tmp_path):
    reports = [
        json.loads(
            run("train", "--data", corpora, "--corpora", "conture", "--output", tmp_path / name, "--json").stdout
        )
        for name in ("one", "two")
    ]
    assert reports[0]["version"] == reports[1]["version"]
    assert (reports[0]["answers"], reports[0]["may_be_shipped"]) == ({"conture": 240}, True)
    assert reports[0]["conversations"] == {"conture": 60}
    assert (tmp_path / "one" / "whole.json").read_text() == (tmp_path / "two" / "whole.json").read_text()
    model = DissatisfactionModel.load(tmp_path / "one")
    good = model.of_messages([("user", "hi"), ("assistant", "I like jazz a lot"), ("user", PRAISE[0])])
    bad = model.of_messages([("user", "hi"), ("assistant", "bananas are nice"), ("user", SCORN[0])])
    assert good[0] < 0 < bad[0]
    said = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "bananas are nice"}]
    (tmp_path / "in.jsonl").write_text(json.dumps({"conversation_id": "c", "messages": said}) + "\n")
    scored = tmp_path / "out.jsonl"
    arguments = ["score", "--input", tmp_path / "in.jsonl", "--output", scored, "--model", tmp_path / "one"]
    assert CliRunner().invoke(app, list(map(str, arguments))).exit_code == 0
    assert json.loads(scored.read_text())["turns"][1]["p_dissatisfied"] > 0


def test_measured_is_what_did_not_train_the_weights(corpora, tmp_path):
    run("train", "--data", corpora, "--corpora", "conture", "--output", tmp_path / "model")
    plot = ("--plot", tmp_path / "reliability.png")
    found = json.loads(run("evaluate", "--data", corpora, "--model", tmp_path / "model", *plot, "--json").stdout)
    assert (tmp_path / "reliability.png").read_bytes().startswith(b"\x89PNG")
    assert sum(part["n"] for part in found["weights"][0]["reliability"]) == 20
    assert [(each["corpus"], each["n"], each["dissatisfied"]) for each in found["weights"]] == [("dbdc3", 40, 20)]
    assert {each["corpus"] for each in found["left_out"]} == {"dbdc3", "conture"}
    (auc,) = (each["auc"] for each in found["weights"])
    assert 0.9 < auc["low"] <= auc["value"] <= auc["high"] <= 1
    (extremes, halves) = found["conversations"]
    assert (extremes["split"], halves["split"]) == ("4 or more against 2 or less", "above the median")
    assert (extremes["quality"]["n"], extremes["quality"]["dissatisfied"]) == (40, 20)
    assert extremes["quality"]["auc"]["low"] > 0.9
    shown = run("evaluate", "--data", corpora, "--model", tmp_path / "model").stdout
    assert "Weights trained on all corpora but the one measured" in shown


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["train", "--corpora", "gone"], "has no folder gone"),
        (["train", "--encoder", "/nowhere"], "no weights that can be read"),
        (["evaluate", "--model", "/nowhere"], "no weights that can be read"),
    ],
)
def test_what_is_not_there_is_bad_usage(corpora, tmp_path, arguments, says):
    output = ["--output", tmp_path / "model"] if arguments[0] == "train" else []
    result = run(*arguments, "--data", corpora, *output)
    assert (result.exit_code, says in " ".join(result.stderr.split())) == (2, True)


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")  # MLflow's own
def test_the_registry_has_a_version_once_with_its_files_and_figures(corpora, tmp_path, monkeypatch):
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    for name, secret in TEST_SECRETS.items():
        monkeypatch.setenv(f"FEEDWHEEL_{name.upper()}", secret)
    monkeypatch.chdir(tmp_path)  # MLflow puts artefacts below it
    run("train", "--data", corpora, "--corpora", "conture", "--output", tmp_path / "model")
    arguments = ("register", "--model", tmp_path / "model", "--data", corpora, "--json")
    first, second = (json.loads(run(*arguments).stdout) for _ in range(2))
    assert first == second
    assert first["auc"]["dbdc3/BOT_1"] > 0.9
    client = MlflowClient(uri, uri)
    (version,) = client.search_model_versions("name = 'feedwheel-satisfaction'")
    assert (str(version.version), version.tags["feedwheel.version"]) == (first["number"], first["version"])
    logged = client.get_run(version.run_id).data
    assert logged.params == {"answers/conture": "240"}
    assert logged.metrics["auc/dbdc3/BOT_1"] == first["auc"]["dbdc3/BOT_1"]
    files = {file.path for file in client.list_artifacts(version.run_id, "model/files")}
    assert {"model/files/model.json", "model/files/trees.npz", "model/files/encoder.npz"} <= files

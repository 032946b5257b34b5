"""`lockstep diff`: what differs between two things, without training."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from compare.__main__ import main
from compare.exchange.convert import Wishes, convert
from compare.explain.diff import LADDER, differences, lines_of, tables_of
from compare.explain.players import differing_fields
from compare.workers import Ask
from shared.errors import LockstepError
from shared.output import Output
from shared.recipes import documented
from shared.runs import run_directory
from shared.specification import Specification
from shared.text import Vocabulary
from shared.vectors import load_vectors
from shared.weights import Checkpoint, initialise, save_checkpoint
from tests.conformance.native_jobs import native
from tests.conftest import CLASS_NAMES, ROOT
from tests.sealed import reseal_run
from tests.synthetic import write_experiment

SMALL = Specification(vectors="random", embedding_size=4, hidden_size=3, pooling="last", max_length=20)


def checkpoint(words: int = 5, **fields: object) -> Checkpoint:
    specification = SMALL.replaced(**fields)
    vocabulary = Vocabulary(("<pad>", "<unk>", *(f"word{number}" for number in range(2, words))))
    weights = initialise(specification, load_vectors("random", vocabulary, 4), 2)
    return Checkpoint(specification, vocabulary, weights, CLASS_NAMES)


def save(place: Path, model: Checkpoint) -> str:
    save_checkpoint(place, model)
    return str(place)


def test_recipes_differ_in_what_their_documentation_writes() -> None:
    found = differences("keras", "pytorch:lstm")
    expected = differing_fields(*(documented(name, Specification()) for name in ("keras", "pytorch")))
    assert [field.name for field in found.fields if field.name != "minimum_steps"] == expected
    rate = {field.name: (field.first, field.second) for field in found.fields}
    assert rate["batch_size"] == (32, 64)
    assert found.facts == {"framework": ("keras", "pytorch")}
    assert all(field.meaning == Specification.model_fields[field.name].description for field in found.fields)
    fields, facts = tables_of(found)
    assert (fields.name, facts.name) == ("fields", "facts")
    assert fields.caption == f"{len(expected)} fields differ"


def test_a_field_that_means_nothing_is_a_dash_and_none_if_it_means_nothing_in_both(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text('optimizer = "adam"\nepsilon_place = "before"\n')
    (tmp_path / "b.toml").write_text('optimizer = "sgd"\n')
    found = differences(str(tmp_path / "a.toml"), str(tmp_path / "b.toml"))
    assert [(field.name, field.first, field.second) for field in found.fields] == [
        ("optimizer", "adam", "sgd"),
        ("epsilon_place", "before", None),
    ]
    assert "| `epsilon_place` | before | – |" in "".join(line for line in _markdown(found))


def _markdown(found: object) -> list[str]:
    from compare.tables import as_markdown

    return [as_markdown(table) for table in tables_of(found)]  # type: ignore[arg-type]


def _settings(path: Path, **fields: object) -> str:
    path.write_text(json.dumps(fields))
    return str(path)


def test_the_ladder_says_what_a_field_is_worth_in_either_direction(tmp_path: Path) -> None:
    ladder = json.loads((ROOT / LADDER).read_text())
    worth = next(one for one in ladder["rungs"] if one["name"] == "last-state")["accuracy_difference"]
    a = _settings(tmp_path / "a.json", pooling="concat")
    b = _settings(tmp_path / "b.json", pooling="last", layers=2)
    c = _settings(tmp_path / "c.json", pooling="max")
    there, back = differences(a, b, ROOT / LADDER), differences(b, a, ROOT / LADDER)
    assert there.worth.keys() == back.worth.keys() == {("pooling",)}, "no rung has two layers"
    assert there.worth["pooling",].model_dump() == pytest.approx(worth)
    reverse = {"mean": -worth["mean"], "low": -worth["high"], "high": -worth["low"]}
    assert back.worth["pooling",].model_dump() == pytest.approx(reverse)
    assert differences(b, c, ROOT / LADDER).worth == {}, "measured from concat alone"
    table = tables_of(there)[0]
    assert [column.name for column in table.columns][-1] == "accuracy_difference"
    for form in ("markdown", "json"):
        assert "in its own recipe (PyTorch LSTM, trained on " in "".join(lines_of([table], form)), (
            "wherever it is shown"
        )


def test_every_rung_is_worth_what_it_was_measured_beside(tmp_path: Path) -> None:
    """Between the two recipes of a rung stands its own number, and no other's; beside neither stands none."""
    ladder = json.loads((ROOT / LADDER).read_text())
    changes = {one["name"]: one["changes"] for one in ladder["rungs"]}
    for rung in ladder["rungs"][1:]:
        before = _settings(tmp_path / "before.json", **changes[rung["against"]])
        after = _settings(tmp_path / "after.json", **rung["changes"])
        ((names, worth),) = differences(before, after, ROOT / LADDER).worth.items()
        assert set(names) <= set(rung["changes"]), rung["name"]
        assert worth.model_dump() == pytest.approx(rung["accuracy_difference"]), rung["name"]
    without = _settings(tmp_path / "without.json", gradient_clipping=0.0)
    summed = _settings(tmp_path / "summed.json", gradient_clipping=1.0, loss_reduction="sum")
    assert set(differences(without, summed, ROOT / LADDER).worth) == {("gradient_clipping",)}


def test_what_was_switched_together_has_one_number(tmp_path: Path) -> None:
    descent = _settings(tmp_path / "a.json", optimizer="sgd", learning_rate=0.1)
    found = differences("lockstep", descent, ROOT / LADDER)
    assert list(found.worth) == [("optimizer", "learning_rate")]
    first, second = (row.cells[-1].text for row in tables_of(found)[0].rows)
    assert first.startswith("-")
    assert second == "with optimizer"


def test_equal_checkpoints_do_not_differ_and_weights_say_how_far_they_are_apart(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = checkpoint()
    first, same = save(tmp_path / "first", model), save(tmp_path / "same", model)
    assert main(["diff", first, same]) == 0
    said = capsys.readouterr()
    assert said.out == "nothing differs\n"
    assert "the weights are equal, bit for bit" in said.err
    other = checkpoint()
    other.weights["head.bias"] = other.weights["head.bias"] + np.float32(0.25)
    second = save(tmp_path / "second", other)
    found = differences(first, second)
    assert [(array.name, array.difference) for array in found.arrays or ()] == [("head.bias", 0.25)]
    assert main(["diff", first, second]) == 1
    assert "1 arrays differ" in capsys.readouterr().out
    larger = save(tmp_path / "larger", checkpoint(words=7, hidden_size=6))
    shapes = {array.name: (array.first, array.second) for array in differences(first, larger).arrays or ()}
    assert shapes["embedding"] == ((5, 4), (7, 4))
    assert differences(first, larger).facts["words"] == ("5, 0 of its own", "7, 2 of its own")


def test_beside_a_model_settings_say_only_what_is_in_them(tmp_path: Path) -> None:
    model = save(tmp_path / "model", checkpoint(dropout=0.4))
    (tmp_path / "mine.toml").write_text('hidden_size = 3\npooling = "max"\n')
    for ends in ((model, str(tmp_path / "mine.toml")), (str(tmp_path / "mine.toml"), model)):
        assert [field.name for field in differences(*ends).fields] == ["pooling"]
    assert "embedding_size" not in {field.name for field in differences(model, "keras").fields}


@pytest.fixture(scope="module")
def experiment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    networks = (("keras", "lstm"), ("pytorch", "lstm"))
    counts = {"bad": 30, "good": 30}
    return write_experiment(tmp_path_factory.mktemp("runs"), counts, networks, ["majority"], seeds=(0, 1))


def test_runs_differ_in_framework_versions_and_machine_too(experiment: Path) -> None:
    keras, pytorch = (str(run_directory(experiment, name, "lstm", 0)) for name in ("keras", "pytorch"))
    found = differences(keras, pytorch)
    assert found.fields == []
    assert found.facts["framework"] == ("keras", "pytorch")
    assert "reviews (fingerprint)" not in found.facts
    seed = differences(keras, str(run_directory(experiment, "keras", "lstm", 1)))
    assert [(field.name, field.first, field.second) for field in seed.fields] == [("seed", 0, 1)]
    assert seed.arrays, "other initial weights"
    assert main(["diff", keras, keras]) == 0
    baseline = str(run_directory(experiment, "baseline", "majority", 0))
    beside = differences(keras, baseline)
    assert beside.facts["framework"] == ("keras", "baseline")
    assert not {"layers", "optimizer"} & {field.name for field in beside.fields}, "a baseline has no such thing"


def test_what_a_record_says_of_data_and_machine_is_named(experiment: Path, tmp_path: Path) -> None:
    import shutil

    first = run_directory(experiment, "keras", "lstm", 0)
    second = tmp_path / "second"
    shutil.copytree(first, second)
    record = json.loads((second / "record.json").read_text())
    record["data"]["fingerprint"] = "f" * 64
    record["machine"]["cores"] += 1
    record["commit"] = "0" * 40
    (second / "record.json").write_text(json.dumps(record))
    reseal_run(second)
    found = differences(str(first), str(second))
    assert set(found.facts) == {"reviews (fingerprint)", "cores", "commit"}
    assert found.facts["reviews (fingerprint)"][1] == "f" * 64
    assert "f" * 17 not in "".join(_markdown(found)), "a digest is shown by its beginning"


@pytest.mark.parametrize("form", ["markdown", "json"])
def test_other_formats(form: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.json").write_text('{"layers": 1, "framework": "keras"}')
    (tmp_path / "b.json").write_text('{"layers": 2, "framework": "keras"}')
    assert main(["diff", str(tmp_path / "a.json"), str(tmp_path / "b.json"), "--format", form]) == 1
    said = capsys.readouterr().out
    assert "layers" in said
    if form == "json":
        (table,) = json.loads(said)
        assert table["rows"][0]["second"] == "2"
    assert main(["diff", str(tmp_path / "a.json"), str(tmp_path / "a.json"), "--format", form]) == 0
    assert capsys.readouterr().out == ("[]\n" if form == "json" else "")


@pytest.fixture
def rooms(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    """The session's long-lived processes read and write models."""

    def in_its_room(framework: str, function: str, *arguments: object) -> object:
        return ask(native, framework, function, *arguments)

    monkeypatch.setattr("compare.exchange.convert.in_its_room", in_its_room)
    monkeypatch.setattr("compare.explain.things.in_its_room", in_its_room)


@pytest.mark.parametrize("suffix", [".safetensors", ".pt", ".keras"])
def test_a_converted_model_has_the_weights_of_its_checkpoint(rooms: None, tmp_path: Path, suffix: str) -> None:
    folder = save(tmp_path / "model", checkpoint(learning_rate=0.123))
    with Output(tmp_path / f"model{suffix}") as place:
        convert(Path(folder), place, Wishes())
    found = differences(folder, str(tmp_path / f"model{suffix}"))
    assert found.arrays == []
    assert found.fields == []
    assert found.facts == {}
    other = save(tmp_path / "other", checkpoint(seed=5, pooling="max"))
    found = differences(other, str(tmp_path / f"model{suffix}"))
    assert "pooling" in {field.name for field in found.fields}
    assert {array.name for array in found.arrays or ()} >= {"embedding", "head.kernel"}


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda folder: folder / "nowhere", "there is no such file or folder"),
        (lambda folder: _text(folder / "a.toml", "x = ["), "not a file of settings, or damaged"),
        (lambda folder: _text(folder / "a.json", '{"rate": 1}'), "unknown field 'rate'"),
        (lambda folder: _folder(folder / "empty"), "holds neither record.json nor model.json"),
        (lambda folder: _text(_folder(folder / "run") / "record.json", "{}").parent, "not a record, or damaged"),
        (lambda folder: _text(_folder(folder / "model") / "model.json", "{}").parent, "or damaged"),
        (lambda folder: _text(folder / "a.safetensors", ""), "a.safetensors"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(
    make: Callable[[Path], Path], said: str, rooms: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = make(tmp_path)
    for ends in ((str(bad), "keras"), ("keras", str(bad))):
        assert main(["diff", *ends]) == 2
        done = capsys.readouterr()
        assert done.out == ""
        assert done.err.count("\n") == 1
        assert str(bad) in done.err
        assert said in done.err


def test_a_ladder_that_is_none_is_refused(tmp_path: Path) -> None:
    path = _text(tmp_path / "ladder.json", '{"rungs": []}')
    with pytest.raises(LockstepError, match="not what lockstep ladder wrote, or damaged"):
        differences("keras", "flair", path)
    with pytest.raises(LockstepError, match="nowhere"):
        differences("keras", "flair", tmp_path / "nowhere.json")


def _text(path: Path, content: str) -> Path:
    path.write_text(content)
    return path


def _folder(path: Path) -> Path:
    path.mkdir()
    return path

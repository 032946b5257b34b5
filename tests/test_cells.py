"""Settings are trained once, wherever they are asked for, and what is finished is told from what is not."""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from compare.grid.cells import Setting, finished_records, given_of, own_code, place_of, seconds_of, train_settings
from compare.grid.executors import LocalExecutor
from shared.errors import LockstepError
from shared.output import is_claimed
from shared.recipes import DOCUMENTED, documented
from shared.runs import read_record
from shared.specification import PRESETS, Specification, add_specification_flags, flags_of, specification_from_flags
from tests.sealed import reseal_run

# The reference trains: it starts in a moment, and the machinery is the same for all.
TINY = Specification(
    reviews=300, epochs=1, minimum_steps=3, max_length=16, hidden_size=8, train_embedding=False, vocabulary_size=500
)
MACHINE = ("--device", "cpu", "--threads", "1")


def setting(**changes: object) -> Setting:
    return Setting("reference", TINY.replaced(**{"minimum_steps": 3, **changes}))


@pytest.fixture(scope="module")
def trained(cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the settings of seeds 0 and 1."""
    folder = tmp_path_factory.mktemp("cells")
    found = train_settings(folder, [setting(), setting(seed=1), setting()], LocalExecutor(1, MACHINE))
    assert list(found) == [setting(), setting(seed=1)]
    assert None not in found.values()
    return folder


def test_records_are_of_what_was_asked_for(trained: Path) -> None:
    found = finished_records(trained, [setting(), setting(seed=1), setting(seed=2)])
    assert list(found) == [setting(), setting(seed=1)], "seed 2 is not finished"
    for one, record in found.items():
        assert Specification.model_validate(record.specification) == one.specification
        assert record == read_record(place_of(trained, one) / "record.json")
        assert (record.framework, record.seed, record.threads) == ("reference", one.specification.seed, 1)


def test_only_what_is_unfinished_is_trained(trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = shutil.copytree(trained, tmp_path / "cells")
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("record.json")}
    asked = [setting(), setting(learning_rate=0.01), setting(seed=1)]
    found = train_settings(folder, asked, LocalExecutor(2, MACHINE), titles={asked[1]: "faster"})
    said = capsys.readouterr().err
    assert said.count("finished before") == 2
    assert "faster: done in" in said
    assert list(found) == asked
    assert all(found.values())
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert len(list(folder.rglob("record.json"))) == 3
    # Seeds of one specification stand beside each other, as in an experiment of `lockstep run`.
    assert place_of(folder, asked[0]).parent == place_of(folder, asked[2]).parent
    assert place_of(folder, asked[0]).relative_to(folder).parts[1:] == ("reference", "lstm", "seed-0")


def test_what_fails_has_no_record_and_a_log(trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = shutil.copytree(trained, tmp_path / "cells")
    asked = [setting(), setting(recipe="idiomatic")]  # which the reference has not
    found = train_settings(folder, asked, LocalExecutor(1, MACHINE))
    assert found[asked[0]] is not None
    assert found[asked[1]] is None
    assert "1 failed" in capsys.readouterr().err
    place = place_of(folder, asked[1])
    assert "error:" in place.with_name("seed-0.log").read_text()
    assert not is_claimed(place)


def test_another_run_in_a_settings_place_is_refused(trained: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(trained, tmp_path / "cells")
    shutil.copytree(place_of(folder, setting()), place_of(folder, setting(hidden_size=9)))
    assert finished_records(folder, [setting(hidden_size=9)]) == {}
    with pytest.raises(LockstepError, match="made with hidden_size 8, not 9; remove it, or choose another --runs"):
        train_settings(folder, [setting(seed=5), setting(hidden_size=9)], LocalExecutor(1, MACHINE), elsewhere="--runs")
    assert not place_of(folder, setting(seed=5)).exists(), "nothing was trained"
    place = place_of(folder, setting())
    data = read_record(place / "record.json").data.model_dump()
    reseal_run(place, data={**data, "fingerprint": "0" * 64})
    with pytest.raises(LockstepError, match="made with data fingerprint '00000000"):
        train_settings(folder, [setting()], LocalExecutor(1, MACHINE))


def test_a_damaged_run_is_no_record(trained: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(trained, tmp_path / "cells")
    history = place_of(folder, setting()) / "history.csv"
    history.write_text(history.read_text().replace("1,", "2,", 1))
    found = train_settings(folder, [setting(), setting(seed=1)], LocalExecutor(1, MACHINE))
    assert found[setting()] is None
    assert found[setting(seed=1)] is not None


def test_nothing_is_trained_of_no_settings(tmp_path: Path) -> None:
    assert train_settings(tmp_path / "cells", [], LocalExecutor(1, MACHINE)) == {}
    assert not (tmp_path / "cells").exists()


def test_seconds_are_means_by_framework(trained: Path) -> None:
    records = list(finished_records(trained, [setting(), setting(seed=1)]).values())
    expected = sum(sum(record.seconds.model_dump().values()) for record in records) / 2
    keras = records[0].model_copy(update={"framework": "keras"})
    found = seconds_of([*records, keras])
    assert found == {
        "reference": pytest.approx(expected),
        "keras": pytest.approx(sum(keras.seconds.model_dump().values())),
    }
    assert seconds_of([]) == {}


def specifications() -> Iterator[Specification]:
    yield Specification()
    yield from PRESETS.values()
    for name in DOCUMENTED:
        yield documented(name, Specification(epochs=3))
    yield Specification(truncation="head", header=False, labels="1,2=a 4,5=b", delimiter=";", epochs=2)
    yield Specification(recipe="idiomatic", hidden_size=7, seed=3, architecture="bigru")


@pytest.mark.parametrize("asked", list(specifications()))
def test_flags_ask_for_the_same_specification(asked: Specification) -> None:
    parser = argparse.ArgumentParser()
    add_specification_flags(parser)
    flags = flags_of({**given_of(Setting("reference", asked)), "architecture": asked.architecture, "seed": asked.seed})
    assert specification_from_flags(parser.parse_args(flags)) == asked


@pytest.mark.parametrize("framework", DOCUMENTED)
# The second is what the default preset has, and not what any documentation writes.
@pytest.mark.parametrize("changes", [{}, {"batch_size": 128}, {"batch_size": 7}, {"gradient_clipping": 1.0}], ids=str)
def test_own_code_is_asked_for_what_is_not_as_documented(framework: str, changes: dict[str, object]) -> None:
    specification = documented(framework, PRESETS["quick"].replaced(hidden_size=9)).replaced(**changes)
    assert given_of(own_code(framework, specification)) == {"hidden_size": 9, "recipe": "idiomatic", **changes}


def test_a_place_follows_from_every_field_and_from_nothing_else(tmp_path: Path) -> None:
    base = Specification()
    assert place_of(tmp_path, Setting("keras", base)) == place_of(tmp_path, Setting("keras", Specification(seed=0)))
    other = [
        *(
            base.replaced(**{name: value})
            for name, value in DOCUMENTED["flair"].items()
            if value != getattr(base, name)
        ),
        base.replaced(seed=1),
        base.replaced(architecture="gru"),
        base.replaced(recipe="idiomatic"),
        base.replaced(data="rotten-tomatoes"),
    ]
    places = {place_of(tmp_path, Setting("keras", one)) for one in (base, *other)}
    assert len(places) == 1 + len(other)
    assert place_of(tmp_path, Setting("flair", base)) not in places
    # Places on people's disks: a field that is added later must not move them.
    assert place_of(Path("runs"), Setting("keras", base)).as_posix() == "runs/4f53cda18c2b/keras/lstm/seed-0"

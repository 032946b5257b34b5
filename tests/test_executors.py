"""Cells on a Ray cluster of two nodes: what dies is tried again, and results are those of one machine."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ray.cluster_utils import Cluster

from compare.__main__ import main as lockstep
from compare.grid import ray_executor
from compare.grid.cells import Setting, place_of, train_settings
from compare.grid.driver import TRIES, Cell, network_cell, run_cells
from compare.grid.executors import Executor, LocalExecutor
from compare.grid.ray_executor import RayExecutor, connected, save_sent_run
from compare.grid.ray_node import Input, Order, files_of, run_cell
from shared.errors import LockstepError
from shared.files import checksum
from shared.output import WORK, is_claimed
from shared.runs import Record, is_finished, read_record, read_run
from shared.specification import Specification
from tests.processes import running, wait_for

MACHINE = ("--device", "cpu", "--threads", "1")
TINY = Specification(
    reviews=300, epochs=1, minimum_steps=3, max_length=16, hidden_size=8, train_embedding=False, vocabulary_size=500
)
FLAGS = (
    *("--preset", "smoke", "--reviews", 300, "--epochs", 1, "--max-length", 16, "--no-train-embedding"),
    *("--no-baselines", "--device", "cpu", "--threads", 1),
)
GIGABYTE = 1_000_000_000
NODE: dict[str, Any] = {"num_cpus": 1, "memory": 2 * GIGABYTE, "object_store_memory": 80_000_000}
# What each run has that does not depend on the clock.
EXACT = ("checkpoint/weights.safetensors", "checkpoint/model.json", "checkpoint/vocabulary.txt")


@pytest.fixture(scope="module")
def cluster(cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Two nodes of one processor each; the second has a cache of its own."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    made = Cluster(initialize_head=True, head_node_args={**NODE, "include_dashboard": False})
    made.add_node(**NODE, env_vars={"LOCKSTEP_CACHE": str(tmp_path_factory.mktemp("second"))})
    yield made
    made.shutdown()  # type: ignore[no-untyped-call]


@pytest.fixture(scope="module")
def ray(cluster: Cluster) -> Iterator[Any]:
    with connected(cluster.address) as found:
        yield found


@pytest.fixture(scope="module")
def trained(cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run, which the cells of these tests copy: so they take no time."""
    folder = tmp_path_factory.mktemp("trained")
    setting = Setting("reference", TINY)
    assert train_settings(folder, [setting], LocalExecutor(flags=MACHINE))[setting] is not None
    return place_of(folder, setting)


def copying(trained: Path, directory: Path, first: str = "") -> Cell:
    """Return a cell that does something when it is first tried, and then has a run."""
    cell = network_cell("copy", directory, "reference", TINY, {}, MACHINE)
    mark = directory.with_name(f"{directory.name}.tries")
    program = f"""
import os, pathlib, shutil, signal, sys, time
out, mark = pathlib.Path(sys.argv[-1]), pathlib.Path({str(mark)!r})
mark.parent.mkdir(parents=True, exist_ok=True)
with mark.open("a") as file:
    file.write("x")
def go_on():
    while True:
        print('{{"done": 1, "total": 9, "epoch": 1, "loss": 0.5}}', flush=True)
        time.sleep(0.1)
if len(mark.read_text()) == 1:
    {first or "pass"}
shutil.copytree({str(trained)!r}, out)
"""
    return replace(cell, command=("-c", program, str(directory)))


def tries(cell: Cell) -> int:
    return len(cell.directory.with_name(f"{cell.directory.name}.tries").read_text())


def run(cell: Cell, executor: Executor) -> bool:
    return run_cells(cell.directory.parent, cell.specification, [cell], executor) == 0


@contextmanager
def driver(runs: Path, cluster: Cluster, *flags: object) -> Iterator[subprocess.Popen[str]]:
    command = [
        "-m",
        "compare",
        "run",
        *FLAGS,
        "--runs",
        runs,
        "--executor",
        "ray",
        "--address",
        cluster.address,
        *flags,
    ]
    with running(*command) as process:
        yield process


def leftovers(folder: Path) -> list[Path]:
    return [*folder.rglob(f".*{WORK}"), *folder.rglob(".lockstep-shared-*")]


def assert_same_run(one: Path, other: Path) -> None:
    first, second = read_run(one), read_run(other)
    for name in EXACT:
        assert checksum(one / name) == checksum(other / name), name
    for split in ("predictions", "validation"):
        ours, theirs = getattr(first, split), getattr(second, split)
        assert ours.review_ids.tolist() == theirs.review_ids.tolist()
        assert ours.probabilities.tobytes() == theirs.probabilities.tobytes(), split
    assert first.record.metrics == second.record.metrics
    assert first.record.data == second.record.data


GRID = ("--frameworks", "reference", "pytorch", "--architectures", "lstm")


def test_a_killed_driver_goes_on_and_results_are_those_of_one_machine(cluster: Cluster, tmp_path: Path) -> None:
    far, near = tmp_path / "far" / "smoke", tmp_path / "near" / "smoke"
    places = [far / framework / "lstm" / "seed-0" for framework in ("reference", "pytorch")]
    with driver(tmp_path / "far", cluster, *GRID) as process:
        wait_for(lambda: any(map(is_finished, places)))
        process.kill()
    (finished,) = [place / "record.json" for place in places if is_finished(place)]
    before = finished.stat().st_mtime_ns
    with driver(tmp_path / "far", cluster, *GRID) as process:
        _, said = process.communicate(timeout=300)
    assert process.returncode == 0, said
    assert said.count("finished before") == 1
    assert "2 cells finished, 0 failed" in said
    assert finished.stat().st_mtime_ns == before, "it was not trained again"
    assert lockstep(["run", *map(str, FLAGS), *GRID, "--runs", str(tmp_path / "near")]) == 0
    for place in places:
        assert_same_run(place, near / place.relative_to(far))
    assert not leftovers(tmp_path)


@pytest.mark.parametrize("shared", [True, False], ids=["in place", "through the object store"])
def test_runs_come_back_whole_from_both_nodes(
    ray: Any, shared: bool, trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = [Setting("reference", TINY), Setting("reference", TINY.replaced(seed=1))]
    records = train_settings(tmp_path / "cells", settings, RayExecutor(ray, MACHINE, shared=shared))
    assert all(isinstance(record, Record) for record in records.values())
    assert_same_run(place_of(tmp_path / "cells", settings[0]), trained)
    assert not leftovers(tmp_path)
    said = capsys.readouterr().err
    assert ("come back through" in said) != shared
    assert "Ray: 2 nodes with 2 processors" in said
    assert "no cell is finished here that says what memory it needs; 2.0 GB are asked for" in said


@pytest.mark.parametrize("shared", [True, False], ids=["in place", "through the object store"])
@pytest.mark.parametrize(
    ("first", "said"),
    [
        ("os.kill(os.getpid(), signal.SIGKILL)", "copy: its process was ended by SIGKILL; it is tried again (2 of 3)"),
        ("os.kill(os.getpid(), signal.SIGTERM)", "copy: its process was ended by SIGTERM; it is tried again (2 of 3)"),
        ("os.kill(os.getppid(), signal.SIGKILL); go_on()", "copy: its Ray worker died; it is tried again (2 of 3)"),
    ],
    ids=["cell", "told to stop", "worker"],
)
def test_a_cell_that_is_killed_is_tried_again(
    ray: Any, shared: bool, first: str, said: str, trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cell = copying(trained, tmp_path / "runs" / "run", first)
    assert run(cell, RayExecutor(ray, MACHINE, shared=shared))
    assert said in capsys.readouterr().err
    assert tries(cell) == 2
    assert_same_run(cell.directory, trained)
    assert not leftovers(tmp_path)


def test_a_node_that_goes_away_is_survived(
    ray: Any, cluster: Cluster, trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    large: dict[str, Any] = {**NODE, "num_cpus": 2}  # of which the cell needs both, so it runs here
    node = cluster.add_node(**large)
    executor = RayExecutor(ray, ("--device", "cpu", "--threads", "2"))
    cell = copying(trained, tmp_path / "runs" / "run", "go_on()")
    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(run, cell, executor)
        wait_for(lambda: cell.directory.with_name("run.tries").exists())
        cluster.remove_node(node, allow_graceful=False)
        cluster.add_node(**large)
        assert done.result()
    assert "copy: its node went away; it is tried again (2 of 3)" in capsys.readouterr().err
    assert tries(cell) == 2
    assert_same_run(cell.directory, trained)


@pytest.mark.parametrize("where", ["local", "ray"])
@pytest.mark.parametrize(
    ("always", "count", "why"),
    [
        ("sys.exit('error: no such thing')", 1, "s: error: no such thing (see"),
        ("os.kill(os.getpid(), signal.SIGKILL)", TRIES, "SIGKILL, 3 times (see"),
    ],
    ids=["fails", "is killed"],
)
def test_tries_are_bounded(
    ray: Any, where: str, always: str, count: int, why: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    executor = LocalExecutor(flags=MACHINE) if where == "local" else RayExecutor(ray, MACHINE)
    cell = copying(tmp_path / "none", tmp_path / "runs" / "run")
    cell = replace(cell, command=(cell.command[0], cell.command[1].replace("shutil.copytree", f"{always} #"), "out"))
    assert not run(cell, executor)
    (failed,) = [line for line in capsys.readouterr().err.splitlines() if "FAILED" in line]
    assert why in failed
    assert tries(cell) == count


def test_a_signal_stops_the_cells_and_leaves_nothing(cluster: Cluster, tmp_path: Path) -> None:
    place = tmp_path / "smoke" / "reference" / "lstm" / "seed-0"
    grid = ("--frameworks", "reference", "--architectures", "lstm", "gru", "--epochs", 100_000)
    with driver(tmp_path, cluster, *grid) as process:
        wait_for(lambda: is_claimed(place))
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert said.splitlines()[-1] == "interrupted: nothing half-written was left"
    assert "Traceback" not in said
    assert not is_claimed(place), "the cell ended before its driver did"
    assert not is_finished(place)
    assert not leftovers(tmp_path)


def test_the_overhead_is_small(ray: Any, tmp_path: Path) -> None:
    """At most 5 % of a cell of one second; the shortest of results/ takes eight. The least of several is the cost."""
    program = "import sys, time; time.sleep(1); sys.exit(3)"
    cell = replace(copying(tmp_path, tmp_path / "run"), command=("-S", "-c", program))

    def seconds(executor: Executor) -> float:
        before = time.perf_counter()
        assert executor.run(cell, lambda state: None).code == 3
        return time.perf_counter() - before

    near, far = LocalExecutor(flags=MACHINE), RayExecutor(ray, MACHINE, shared=True)
    seconds(far)  # Ray starts a worker for the first
    pairs = [(seconds(near), seconds(far)) for _ in range(3)]
    one, other = (min(of_each) for of_each in zip(*pairs, strict=True))
    assert other - one <= 0.05, pairs


def test_memory_is_asked_for_as_finished_cells_needed_it(
    ray: Any, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(ray_executor, "SECONDS_FOR_ROOM", 1)
    executor = RayExecutor(ray, MACHINE)
    executor.learn(read_record(trained / "record.json").model_copy(update={"peak_memory_mb": 4_000.0}))
    cell = copying(trained, tmp_path / "runs" / "run")
    assert not run(cell, executor)
    assert "copy: FAILED needs 1 processors and 5.0 GB, which no node of the cluster has" in capsys.readouterr().err
    assert not cell.directory.exists()


def test_more_processors_than_a_node_has_are_refused(
    ray: Any, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(ray_executor, "SECONDS_FOR_ROOM", 1)
    assert not run(copying(trained, tmp_path / "runs" / "run"), RayExecutor(ray, ("--threads", "64")))
    said = capsys.readouterr().err
    assert "no node has 64 processors and" in said
    assert "pass fewer --threads, or add a larger node" in said


def order(cell: Cell, folder: Path, inputs: Sequence[Input] = ()) -> Order:
    return Order(
        cell.command, str(cell.directory), "driver", str(folder), "/nowhere", False, dict(os.environ), tuple(inputs)
    )


def test_relative_inputs_are_sent_to_a_node_that_lacks_them(trained: Path, tmp_path: Path) -> None:
    folder = tmp_path / "driver" / "deep"
    folder.mkdir(parents=True)
    for name in ("here.csv", "../above.csv"):
        (folder / name).write_text(f"text of {name}")
    inputs, sent = [], {}
    for name in ("here.csv", "../above.csv"):
        place = (folder / name).resolve()
        inputs.append(Input(name, f"/far{place}", files_of(place), name))
        sent[name] = {".": place.read_bytes()}
    program = "import sys; sys.exit(open('here.csv').read() + open('../above.csv').read())"
    cell = replace(copying(trained, tmp_path / "run"), command=("-c", program))
    fetched: list[str] = []

    def fetch(content: str) -> dict[str, bytes]:
        fetched.append(content)
        return sent[content]

    for _ in range(2):
        *_, last = run_cell(order(cell, Path(f"/far{folder}"), inputs), fetch)
        assert last["said"] == "text of here.csvtext of ../above.csv\n"
    assert sorted(fetched) == ["../above.csv", "here.csv"], "once for each node"
    absolute = replace(inputs[0], given=inputs[0].place, content=None)
    *_, last = run_cell(order(cell, Path(f"/far{folder}"), [absolute]), fetch)
    assert last["code"] == 2
    assert "put it where all nodes see it, or name it by a relative path" in last["said"]


def test_a_run_that_its_driver_never_got_is_handed_over_again(trained: Path, tmp_path: Path) -> None:
    cell = copying(trained, tmp_path / "run")
    answers = run_cell(order(cell, tmp_path), lambda content: {})
    while "code" not in (last := next(answers)):  # and it is not asked for more: the driver is killed
        pass
    assert sorted(last["run"]) == sorted(read_record(trained / "record.json").files.keys() | {"record.json"})
    *_, again = run_cell(order(cell, tmp_path), lambda content: {})
    assert again["run"] == last["run"]
    assert tries(cell) == 1


@pytest.mark.parametrize("name", ["history.csv", "../elsewhere"])
def test_a_run_that_is_not_whole_is_refused(name: str, trained: Path, tmp_path: Path) -> None:
    files = {one: (trained / one).read_bytes() for one in files_of(trained)}
    with pytest.raises(LockstepError):
        save_sent_run(tmp_path / "run", {**files, name: b"other"})
    assert not (tmp_path / "elsewhere").exists()


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (("--address", "127.0.0.1:6379"), "--address: is that of a Ray cluster; pass --executor ray too"),
        (("--executor", "ray", "--address", "closed"), "--address: nothing answers at 127.0.0.1:"),
        (("--executor", "ray", "--address", "ray://head:10001"), "is not HOST:PORT of a cluster's head (of a ray://"),
        (("--executor", "ray", "--address", "6379"), "is not HOST:PORT of a cluster's head"),
        (("--executor", "ray", "--address", f"head:{'9' * 5_000}"), "is not HOST:PORT of a cluster's head"),
    ],
)
def test_what_cannot_be_reached_is_one_line(
    flags: Sequence[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = [f"127.0.0.1:{closed_port()}" if flag == "closed" else flag for flag in flags]
    before = time.monotonic()
    assert lockstep(["run", *map(str, FLAGS), *flags, "--runs", str(tmp_path)]) == 2
    found = capsys.readouterr().err
    assert said in found
    assert found.count("\n") == 1
    assert time.monotonic() - before < 30


def test_without_ray_one_line_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    assert lockstep(["run", *map(str, FLAGS), "--executor", "ray", "--runs", str(tmp_path)]) == 2
    assert capsys.readouterr().err == "error: --executor ray: Ray is not installed; pip install 'lockstep[ray]'\n"
    assert not os.listdir(tmp_path)

"""Fixtures that every room's tests share."""

from __future__ import annotations

import functools
import http.server
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from compare.workers import Ask, Workers
from shared.contract import FRAMEWORKS, REFERENCE
from shared.data.corpus import Corpus
from shared.loading import load_corpus
from shared.specification import Specification, preset

ROOT = Path(__file__).parent.parent
CLASS_NAMES = ("negative", "positive")

# Tests run in two processes, whose frameworks share the cores: a thread that waits must not spin.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
LONGEST_GROUP = "trained runs"


def pytest_itemcollected(item: pytest.Function) -> None:
    """Keep tests that share something expensive in one process."""
    parameters = item.callspec.params if hasattr(item, "callspec") else {}
    group = f"{item.module.__name__} {parameters.get('framework', '')}"
    item.add_marker(pytest.mark.xdist_group(LONGEST_GROUP if "smoke_runs" in item.fixturenames else group))


def pytest_collection_modifyitems(items: list[pytest.Function]) -> None:
    """Begin with the tests that take longest."""
    items.sort(key=lambda item: ("smoke_runs" not in item.fixturenames, "test_lessons" not in item.module.__name__))


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache of this session's own, for this process and those that it starts."""
    folder = tmp_path_factory.mktemp("cache")
    os.environ["LOCKSTEP_CACHE"] = str(folder)
    return folder


@pytest.fixture(scope="session")
def smoke() -> Specification:
    return preset("smoke")


@pytest.fixture(scope="session")
def corpus(cache: Path, smoke: Specification) -> Corpus:
    """Real reviews: the smoke preset's sample."""
    return load_corpus(smoke)


@pytest.fixture(scope="session")
def ask(cache: Path) -> Iterator[Ask]:
    """Call a job with a framework's name in that framework's process, and wait for its answer."""
    with Workers() as asked:
        yield asked


Command = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="session")
def command(cache: Path) -> Command:
    """Run ``python -m <arguments>`` in a process of its own, as a user would."""

    def run(*arguments: object, stdin: str | bytes = "", **options: object) -> subprocess.CompletedProcess[str]:
        given = stdin if isinstance(stdin, bytes) else stdin.encode()
        done = subprocess.run(
            [sys.executable, "-m", *map(str, arguments)], input=given, capture_output=True, cwd=ROOT, **options
        )
        return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())

    return run


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A local web server over an empty folder."""
    folder = tmp_path / "served"
    folder.mkdir()
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as httpd:
        threading.Thread(target=httpd.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{httpd.server_port}", folder
        httpd.shutdown()


ARCHITECTURES = ("rnn", "lstm", "gru", "bilstm")


@pytest.fixture(scope="session")
def smoke_runs(command: Command, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The whole smoke grid, trained once for all tests: four frameworks and the reference, baselines."""
    runs = tmp_path_factory.mktemp("runs")
    grid = ("--frameworks", *FRAMEWORKS, REFERENCE, "--architectures", *ARCHITECTURES)
    done = command("compare", "run", "--preset", "smoke", *grid, "--runs", runs)
    assert done.returncode == 0, done.stderr
    return runs / "smoke"

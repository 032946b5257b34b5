"""Whatever a file holds, its reader answers or says in one line what is wrong; see `tests.fuzz`."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.conftest import ROOT
from tests.fuzz import TARGETS, check, mutated

# Of each target: enough for a reader that lets through a whole kind of error, few enough for a suite.
EXAMPLES = 24


@pytest.mark.parametrize("name", TARGETS)
def test_a_whole_file_is_read(name: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Otherwise the search would begin with files that are refused at the door."""
    seeds = TARGETS[name].seeds()
    assert seeds
    for content in seeds:
        TARGETS[name].read(content, tmp_path_factory.mktemp("whole"))


@pytest.mark.parametrize("name", TARGETS)
@settings(max_examples=EXAMPLES, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, 2**32))
def test_a_changed_file_is_read_or_refused(name: str, seed: int) -> None:
    draw = Random(seed)
    check(TARGETS[name], mutated(draw.choice(TARGETS[name].seeds()), draw))


@pytest.mark.parametrize("name", TARGETS)
@settings(max_examples=EXAMPLES // 2, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(name: str, content: bytes) -> None:
    check(TARGETS[name], content)


# In most runs of this, a thread of Arrow's went on reading when its table was gone.
OFTEN = """
import sys
from tests.fuzz import TARGETS, check
content = bytes.fromhex(sys.stdin.read())
for _ in range(1_000):
    check(TARGETS["predictions"], content)
"""


def test_a_damaged_table_does_not_end_the_process() -> None:
    """Found by `tests.fuzz`: read at once, it is refused; read often, it was a segmentation fault."""
    (content,) = TARGETS["predictions"].seeds()
    damaged = bytearray(content)
    damaged[68], damaged[716], damaged[889] = 4, 109, 48
    done = subprocess.run(
        [sys.executable, "-c", OFTEN], input=damaged.hex(), cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_no_archive_takes_what_it_claims_of_memory() -> None:
    """Found by `tests.fuzz`: a zip archive says how long its list of contents is, and so much was asked for."""
    whole = bytearray(TARGETS["zip"].seeds()[0])
    place = whole.index(b"PK\x05\x06") + 12
    whole[place : place + 4] = (800_000_000).to_bytes(4, "little")
    check(TARGETS["zip"], bytes(whole))
    for path in ROOT.glob("shared/**/*.py"):
        for line in path.read_text().splitlines():
            opened = re.search(r"zipfile\.ZipFile\((\S+)\)", line)
            assert opened is None or opened[1] in ("file", "raw", "whole"), f"{path.name}: open a BoundedFile: {line}"


def test_parquet_is_read_in_one_thread() -> None:
    """Files from elsewhere may be damaged; see the test above."""
    calls = [
        ast.unparse(node)
        for path in ROOT.glob("shared/**/*.py")
        if "ParquetFile(" in (text := path.read_text())
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Call)
        and re.fullmatch(r"file\.(read|iter_batches|read_row_groups?)", ast.unparse(node.func))
    ]
    assert [call for call in calls if "use_threads=False" not in call] == [
        "file.read(LARGEST_PACKED + 1)",
        "file.read(LARGEST_PACKED)",
    ]
    assert len(calls) == 4

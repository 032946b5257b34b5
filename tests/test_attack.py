"""The short form of the attack, with a fixed seed: ``python -m tests.attack`` is the long one."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from tests.attack.__main__ import KINDS
from tests.attack.harness import ACTED_ON, Done, Wrong, check_kept, check_manners
from tests.conftest import ROOT

CASES = 70


def attack(*flags: str) -> subprocess.CompletedProcess[str]:
    """Run it in a process of its own: it forks, and imports what no other test should have beside it."""
    command = [sys.executable, "-m", "tests.attack", *flags]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)


def test_a_sample_of_the_attack_goes_right() -> None:
    done = attack("--seed", "12", "--cases", str(CASES))
    assert done.returncode == 0, done.stdout[-5_000:] + done.stderr[-2_000:]
    total = re.search(r"^all +(\d+) +(\d+) +(\d+)", done.stdout, re.MULTILINE)
    assert total
    tried, right, wrong = map(int, total.groups())
    assert (right, wrong) == (tried, 0)
    assert tried >= CASES - len(KINDS)


def test_the_same_seed_makes_the_same_cases_and_they_are_enough() -> None:
    first, second, other = (attack("--list", "--seed", seed, "--cases", "0").stdout for seed in ("3", "3", "4"))
    assert first == second != other
    assert first.count("\n") >= 2_000


@pytest.mark.parametrize(
    "done",
    [
        Done(("x",), 0, "", "Traceback (most recent call last)", 1, 1),
        Done(("x",), 2, "", "", 1, 1),
        Done(("x",), 2, "", "error: a\nerror: b\n", 1, 1),
        Done(("x",), 2, "", "error: \x1b[31m\n", 1, 1),
        Done(("x",), 3, "", "error: a\n", 1, 1),
        Done(("x",), 2, "", "error: a\n", 10_000, 1),
        Done(("x",), 2, "", "error: a\n", 1, 1, late=True),
    ],
)
def test_bad_manners_are_noticed(done: Done) -> None:
    with pytest.raises(Wrong):
        check_manners(done, {0, 2})


def test_what_is_lost_changed_or_new_is_noticed() -> None:
    before = {"a": "file 1", "b": "file 2"}
    check_kept(before, {**before, "made/x": "file 3"}, new=["made"])
    for after in ({"a": "file 1"}, {**before, "b": "file 3"}, {**before, "c": "file 3"}):
        with pytest.raises(Wrong):
            check_kept(before, after)
    assert ACTED_ON.search("a\u202eb")
    assert not ACTED_ON.search("a\tb\n")

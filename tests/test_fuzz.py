"""Whatever a file holds, its reader answers or says in one line what is wrong; see `tests.fuzz`."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

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

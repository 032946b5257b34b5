"""Each deliberate fault makes the parity suite fail; without a fault it does not."""

from __future__ import annotations

import pytest

from compare.proofs.parity import violations
from compare.workers import Ask
from tests.parity.faults import FAULTS, measurements, noticed


@pytest.mark.parametrize("number", range(len(FAULTS)), ids=[f"{fault.framework}: {fault.title}" for fault in FAULTS])
def test_fault_is_noticed(ask: Ask, number: int) -> None:
    assert noticed(ask, number)


@pytest.mark.parametrize("room", sorted({fault.framework for fault in FAULTS}))
def test_fault_is_taken_out_again(ask: Ask, room: str) -> None:
    """Run after the faults: a patch that stayed would make the cases above pass for the wrong reason."""
    for found in measurements(ask, room):
        assert not violations(found)

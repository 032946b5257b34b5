"""``python -m tests.parity``: put in every fault and print what the parity suite says to it."""

from __future__ import annotations

import sys

from rich.console import Console
from rich.table import Table

from compare.workers import Workers
from tests.parity.faults import FAULTS, noticed


def main() -> int:
    console = Console(highlight=False)
    table = Table("fault", "in", "noticed by", title="deliberate faults")
    count = 0
    with Workers() as ask:
        for number, fault in enumerate(FAULTS):
            found = noticed(ask, number)
            count += bool(found)
            table.add_row(fault.title, fault.framework, "\n".join(found) or "NOTHING")
            console.print(f"{number + 1}/{len(FAULTS)} {fault.title}: {'noticed' if found else 'NOT NOTICED'}")
    console.print(table)
    console.print(f"{count} of {len(FAULTS)} faults are noticed")
    return 0 if count == len(FAULTS) else 1


if __name__ == "__main__":
    sys.exit(main())

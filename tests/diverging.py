"""``python -m tests.diverging FRAMEWORK …``: that framework's command, in which the loss of the third step is NaN."""

from __future__ import annotations

import importlib
import sys

from shared.contract import module_name
from shared.history import Recorder

STEP = 3


def main(framework: str, arguments: list[str]) -> int:
    right = Recorder.step

    def step(self: Recorder, loss: float, correct: float, reviews: int, learning_rate: float) -> None:
        taken = len(self.history.step_losses) + 1
        right(self, float("nan") if taken == STEP else loss, correct, reviews, learning_rate)

    Recorder.step = step  # type: ignore[method-assign]
    room = importlib.import_module(f"{module_name(framework)}.__main__")
    return room.main(framework, room.load, arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))

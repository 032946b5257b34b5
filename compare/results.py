"""Puts measured figures into the README, from the files that the commands made."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from compare.figures import ARCHITECTURE_TITLES, TITLES
from shared.contract import FRAMEWORKS
from shared.errors import LockstepError
from shared.files import write_text
from shared.specification import ARCHITECTURES


def fill_readme(results: Path, readme: Path) -> None:
    """Write every table between ``<!-- name -->`` and ``<!-- /name -->`` anew.

    Parameters
    ----------
    results : Path
        Directory with the files that `TABLES` names.
    readme : Path
        The file to change.

    Raises
    ------
    LockstepError
        If a file or a mark is missing.
    """
    write_text(readme, filled(results, readme.read_text(encoding="utf-8")))


def fill_lesson(results: Path, lesson: Path) -> None:
    """Write the lesson's tables anew, if what they are made of was measured."""
    if all((results / file).exists() for file, _ in LESSON_TABLES.values()):
        write_text(lesson, filled(results, lesson.read_text(encoding="utf-8"), LESSON_TABLES))


def filled(results: Path, text: str, tables: Tables | None = None) -> str:
    """Return the text with its tables as `results` has them; by default those of the README."""
    for name, (file, make_table) in (tables or TABLES).items():
        path = results / file
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise LockstepError(f"{path}: cannot be read ({error.strerror})") from error
        mark = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
        if not mark.search(text):
            raise LockstepError(f"the text has no <!-- {name} --> … <!-- /{name} -->")
        table = make_table(values)
        text = mark.sub(lambda found, table=table: f"{found[1]}{table}{found[2]}", text)  # type: ignore[misc]
    return text


def table(heading: list[str], rows: list[list[str]], words: int = 1) -> str:
    """Write a table whose first columns hold words, and the others numbers."""
    lines = [heading, ["---"] * words + ["--:"] * (len(heading) - words), *rows]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


def _accuracy(summary: dict[str, Any]) -> str:
    """Test accuracy by framework and architecture, and the baselines; two digits where there are seeds."""
    cells = {(cell["framework"], cell["architecture"]): cell for cell in summary["cells"]}
    chosen = [name for name in ARCHITECTURES if any(name == architecture for _, architecture in cells)]
    digits = 1 if max(len(cell["seeds"]) for cell in cells.values()) == 1 else 2
    rows = [
        [TITLES[framework], *(_interval(cells[framework, name], digits) for name in chosen)]
        for framework in FRAMEWORKS
        if (framework, chosen[0]) in cells
    ]
    rows.append(["*spread between frameworks, points*", *(f"*{summary['spread'][name] * 100:.2f}*" for name in chosen)])
    rows += [
        [ARCHITECTURE_TITLES[cell["architecture"]], _interval(cell, digits), *[""] * (len(chosen) - 1)]
        for cell in summary["baselines"]
    ]
    return table(["test accuracy, %", *(ARCHITECTURE_TITLES[name] for name in chosen)], rows)


def _interval(row: dict[str, Any], digits: int) -> str:
    accuracy, low, high = (f"{row[name] * 100:.{digits}f}" for name in ("accuracy", "accuracy_low", "accuracy_high"))
    return f"**{accuracy}** ({low}–{high})"


def ensemble_table(ensemble: dict[str, Any]) -> str:
    """Accuracy of the models asked together."""
    rows = [
        [row["name"], str(row["models"]), f"{row['validation_log_loss']:.4f}", _interval(row, 2)]
        for row in ensemble["ensembles"]
    ]
    return table(["asked together", "models", "log loss of validation", "test accuracy, %"], rows)


def speed_table(benchmark: dict[str, Any]) -> str:
    """Reviews a second of each cell, its framework's documented way, the ratio, and what the rate comes to."""
    rows = [
        [
            f"{TITLES[result['framework']]} {ARCHITECTURE_TITLES[result['architecture']]}",
            *(f"{result[recipe]['median']:,.0f}" for recipe in ("lockstep", "idiomatic")),
            f"{result['ratio']['median']:.2f} ({result['ratio']['low']:.2f}–{result['ratio']['high']:.2f})",
            *(f"{result['prediction'][recipe]['median']:,.0f}" for recipe in ("lockstep", "idiomatic")),
            f"{result['share_of_matrix_multiply']:.0%}",
            f"{result['harness_share']:.2%}",
        ]
        for result in benchmark["speed"]["rows"]
    ]
    heading = ["reviews/s", "training", "as documented", "ratio (quartiles)", "prediction", "as documented"]
    return table([*heading, "of matrix multiply", "harness' share"], rows)


def learning_table(benchmark: dict[str, Any]) -> str:
    """Seconds of training to an accuracy, of each framework's LSTM."""
    rows = [
        [TITLES[row["framework"]], *("–" if value is None else f"{value:.0f}" for value in row["seconds_to"].values())]
        for row in benchmark["learning"]["rows"]
    ]
    goals = [f"{float(goal):.0%}" for goal in benchmark["learning"]["rows"][0]["seconds_to"]]
    return table(["seconds of training to a test accuracy of", *goals], rows)


def growth_table(benchmark: dict[str, Any]) -> str:
    """Exponents of the cost's growth, of each framework's LSTM."""
    rows: dict[str, list[str]] = {}
    for row in benchmark["growth"]["rows"]:
        rows.setdefault(TITLES[row["framework"]], []).append(f"{row['exponent']:.2f}")
    ranges = {
        row["size"]: f"{row['size'].replace('_', ' ')} {row['values'][0]:,}–{row['values'][-1]:,}"
        for row in benchmark["growth"]["rows"]
    }
    return table(["exponent of the cost, growing", *ranges.values()], [[name, *row] for name, row in rows.items()])


def _parity(parity: dict[str, Any]) -> str:
    """Largest difference of each framework from the reference, and what is allowed."""
    largest = parity["largest"]
    rows = [
        [quantity, *(scientific(values[quantity]) for values in largest.values()), scientific(allowed)]
        for quantity, allowed in parity["tolerances"].items()
    ]
    return table(["largest difference", *(TITLES[name] for name in largest), "allowed"], rows)


def scientific(value: float) -> str:
    """Show a small number by one digit and its power of ten."""
    return f"{value:.0e}" if value else "0"


def _portability(portability: dict[str, Any]) -> str:
    """Largest difference over the architectures, trained in by opened in."""
    names, matrices = portability["names"], list(portability["matrices"].values())
    rows = [
        [
            TITLES[trained_in],
            *(scientific(max(matrix[row][column] for matrix in matrices)) for column in range(len(names))),
        ]
        for row, trained_in in enumerate(names)
    ]
    return table(["trained in ↓, opened in →", *(TITLES[name] for name in names)], rows)


def _commands(commands: dict[str, Any]) -> str:
    """How long each command took and what it left on the disk."""
    rows = [
        [f"`{command['command']}`", f"{command['seconds'] / 60:.1f}", f"{command['disk_mb'] / 1000:.1f}"]
        for command in commands["commands"]
    ]
    return table(["command", "minutes", "disk after it, GB"], rows)


def ladder_table(ladder: dict[str, Any]) -> str:
    """What each switch is worth, rung by rung."""
    rows = []
    for rung in ladder["rungs"]:
        accuracy = f"{sum(rung['accuracy_of_seeds']) / len(rung['accuracy_of_seeds']) * 100:.1f}"
        if "accuracy_difference" not in rung:
            rows.append([f"*{rung['title']}*", "", accuracy, "", "", ""])
            continue
        against = "" if rung["against"] == ladder["rungs"][0]["name"] else f" (against: {rung['against_title']})"
        rows.append(
            [
                rung["title"] + against,
                rung["whose"],
                accuracy,
                difference_text(rung["accuracy_difference"], 100),
                difference_text(rung["log_loss_difference"], 1, digits=3),
                ratio_text(rung["speed_ratio"]),
            ]
        )
    heading = [
        "what is switched",
        ladder.get("heading", "whose"),
        "test accuracy, %",
        "difference, points",
        "of log loss",
        "speed",
    ]
    return table(heading, rows, words=2)


def difference_text(interval: dict[str, Any], scale: float, digits: int = 2) -> str:
    """Show a mean and its interval with their signs."""
    mean, low, high = (f"{(value or 0) * scale:+.{digits}f}" for value in interval.values())
    return mean if interval["low"] is None else f"{mean} ({low} to {high})"


def ratio_text(interval: dict[str, Any]) -> str:
    """Show a ratio and its interval."""
    mean, low, high = (f"{value or 0:.2f}" for value in interval.values())
    return f"{mean}×" if interval["low"] is None else f"{mean}× ({low}–{high})"


Tables = dict[str, tuple[str, Callable[[dict[str, Any]], str]]]
TABLES: Tables = {
    "quick": ("quick/statistics.json", _accuracy),
    "quick-idiomatic": ("quick-idiomatic/statistics.json", _accuracy),
    "full": ("full/statistics.json", _accuracy),
    "ensemble": ("ensemble.json", ensemble_table),
    "full-pretrained": ("full-pretrained/statistics.json", _accuracy),
    "ablation": ("ablation.json", ladder_table),
    "benchmark": ("benchmark.json", speed_table),
    "learning": ("benchmark.json", learning_table),
    "growth": ("benchmark.json", growth_table),
    "parity": ("parity.json", _parity),
    "portability": ("portability.json", _portability),
    "commands": ("commands.json", _commands),
}
LESSON_TABLES: Tables = {"ladder": ("ladder.json", ladder_table)}

"""Puts measured figures into the README, from the files that the commands made."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from compare import formats
from compare.names import ARCHITECTURE_TITLES, TITLES
from shared.contract import FRAMEWORKS
from shared.differences import largest, within
from shared.errors import LockstepError
from shared.files import read_bytes, read_json, reading, save_text
from shared.output import written
from shared.specification import ARCHITECTURES
from shared.terminal import printable

# What begins something in GitHub's Markdown, wherever in a line it stands. An underscore does at the edges of a
# word, an ampersand before the name of a letter.
LIVE = re.compile(r"[\\`*\[\]|~$]|(?<!\w)_|_(?!\w)|&(?=#?\w+;)")
LARGEST_TEXT = 10_000_000  # bytes


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
        If a file or a mark is missing, or a file is damaged.
    """
    _fill(results, readme, TABLES)


def fill_lesson(results: Path, lesson: Path) -> None:
    """Write the lesson's tables anew, if what they are made of was measured."""
    if all((results / file).exists() for file, _ in LESSON_TABLES.values()):
        _fill(results, lesson, LESSON_TABLES)


def _fill(results: Path, path: Path, tables: Tables) -> None:
    with reading(path, "a text in UTF-8"):
        text = read_bytes(path, "a text in UTF-8", LARGEST_TEXT).decode("utf-8")
    _check_marks(str(path), text, tables)
    fill(path, filled(results, text, tables))


def fill(path: Path, text: str) -> None:
    """Write a text back whose tables are new; `filled` has found every mark in it."""
    with written(path, overwrite=True) as temporary:
        save_text(temporary, text)


def filled(results: Path, text: str, tables: Tables | None = None) -> str:
    """Return the text with its tables as `results` has them; by default those of the README.

    Raises
    ------
    LockstepError
        If a mark or a file is missing, or a table cannot be made of what is in it.
    """
    tables = tables or TABLES
    _check_marks("the text", text, tables)
    for name, (file, make_table) in tables.items():
        path, what, advice = results / file, "what its command wrote", "make it again"
        with reading(path, what, advice):
            table = make_table(read_json(path, what, formats.Values, advice).root)
        text = _between(name).sub(lambda found, table=table: f"{found[1]}{table}{found[2]}", text)  # type: ignore[misc]
    return text


def _check_marks(where: str, text: str, tables: Tables) -> None:
    for name in tables:
        if not _between(name).search(text):
            raise LockstepError(f"{where}: has no <!-- {name} --> … <!-- /{name} --> for a table to stand in")


def _between(name: str) -> re.Pattern[str]:
    return re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)


def escaped(text: str) -> str:
    """Return a text that Markdown shows as it is, on one line, in a table or out of one."""
    shown = printable(" ".join(text.split("\n")))
    return LIVE.sub(lambda found: f"\\{found[0]}", shown).replace("<", "&lt;").replace(">", "&gt;")


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
        [TITLES[framework], *(_interval(cells.get((framework, name)), digits) for name in chosen)]
        for framework in FRAMEWORKS
        if any(framework == trained for trained, _ in cells)
    ]
    spreads = [f"*{summary['spread'][name] * 100:.2f}*" if name in summary["spread"] else "–" for name in chosen]
    rows.append(["*spread between frameworks, points*", *spreads])
    rows += [
        [ARCHITECTURE_TITLES[cell["architecture"]], _interval(cell, digits), *[""] * (len(chosen) - 1)]
        for cell in summary["baselines"]
    ]
    return table(["test accuracy, %", *(ARCHITECTURE_TITLES[name] for name in chosen)], rows)


def _interval(row: dict[str, Any] | None, digits: int) -> str:
    if row is None:
        return "–"
    accuracy, low, high = (f"{row[name] * 100:.{digits}f}" for name in ("accuracy", "accuracy_low", "accuracy_high"))
    return f"**{accuracy}** ({low}–{high})"


def ensemble_table(ensemble: dict[str, Any]) -> str:
    """Accuracy of the models asked together."""
    rows = [
        [escaped(row["name"]), str(row["models"]), f"{row['validation_log_loss']:.4f}", _interval(row, 2)]
        for row in ensemble["ensembles"]
    ]
    return table(["asked together", "models", "log loss of validation", "test accuracy, %"], rows)


def speed_table(benchmark: dict[str, Any]) -> str:
    """Make the table of speed.

    Training and prediction are in reviews a second, in the lockstep recipe and in the framework's
    documented way. The share of the same-shape products and the harness' share are in per cent. The
    ratio of the two recipes, and that beside busy processes, have no unit.

    Parameters
    ----------
    benchmark : dict
        What ``benchmark.json`` has.

    Returns
    -------
    str
        A table in Markdown, one row for each cell.
    """
    rows = [
        [
            f"{TITLES[result['framework']]} {ARCHITECTURE_TITLES[result['architecture']]}",
            *(f"{result[recipe]['median']:,.0f}" for recipe in ("lockstep", "idiomatic")),
            _quartiles(result["ratio"]),
            *(f"{result['prediction'][recipe]['median']:,.0f}" for recipe in ("lockstep", "idiomatic")),
            _quartiles(result.get("share_of_same_shape_products"), ".0%"),
            _quartiles(result.get("contended_ratio")),
            f"{result['harness_share']:.2%}",
        ]
        for result in benchmark["speed"]["rows"]
    ]
    heading = ["reviews/s", "training", "as documented", "ratio (quartiles)", "prediction", "as documented"]
    beside = f"beside {benchmark['speed'].get('busy') or ''} busy processes".replace("  ", " ")
    return table([*heading, "of same-shape products", beside, "harness' share"], rows)


def _quartiles(values: dict[str, float] | None, form: str = ".2f") -> str:
    if values is None:
        return "–"
    return f"{values['median']:{form}} ({values['low']:{form}}–{values['high']:{form}})"


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
        row["size"]: f"{escaped(row['size'].replace('_', ' '))} {row['values'][0]:,}–{row['values'][-1]:,}"
        for row in benchmark["growth"]["rows"]
    }
    return table(["exponent of the cost, growing", *ranges.values()], [[name, *row] for name, row in rows.items()])


def reading_table(benchmark: dict[str, Any]) -> str:
    """Seconds and memory of reading, before training and in prediction."""
    rows = [
        [
            escaped(row["what"]),
            f"{row['texts']:,}",
            f"{row['seconds']:.1f}",
            f"{row['texts_a_second']:,.0f}",
            "" if row["peak_memory_mb"] is None else f"{row['peak_memory_mb'] / 1000:.1f}",
        ]
        for row in benchmark["reading"]["rows"]
    ]
    return table(["reading", "texts", "seconds", "texts/s", "peak memory, GB"], rows)


def _parity(parity: dict[str, Any]) -> str:
    """Largest difference of each framework from the reference, and what is allowed."""
    measured = parity["largest"]
    rows = [
        [escaped(quantity), *(judged(values[quantity], allowed) for values in measured.values()), scientific(allowed)]
        for quantity, allowed in parity["tolerances"].items()
    ]
    return table(["largest difference", *(TITLES[name] for name in measured), "allowed"], rows)


def scientific(value: float | None) -> str:
    """Show a small number by one digit and its power of ten; None stands for what is not a number."""
    if value is None:
        return "not a number"
    return f"{value:.0e}" if value else "0"


def judged(value: float | None, allowed: float) -> str:
    """Show a difference, with a cross if it is more than what is allowed or is not a number."""
    fine = value is not None and within(value, allowed)
    return scientific(value) if fine else f"{scientific(value)} ✗"


def _portability(portability: dict[str, Any]) -> str:
    """Largest difference over the architectures, trained in by opened in."""
    names, matrices = portability["names"], list(portability["matrices"].values())
    rows = []
    for row, trained_in in enumerate(names):
        columns = [[matrix[row][column] for matrix in matrices] for column in range(len(names))]
        worst = [None if None in column else largest(column) for column in columns]
        rows.append([TITLES[trained_in], *(judged(value, portability["tolerance"]) for value in worst)])
    return table(["trained in ↓, opened in →", *(TITLES[name] for name in names)], rows)


def _commands(commands: dict[str, Any]) -> str:
    """How long each command took and what it left on the disk."""
    rows = [
        [_code(command["command"]), f"{command['seconds'] / 60:.1f}", f"{command['disk_mb'] / 1000:.1f}"]
        for command in commands["commands"]
    ]
    return table(["command", "minutes", "disk after it, GB"], rows)


def _code(text: str) -> str:
    """Show a text as code; where code has no escapes, as plain text."""
    return f"`{text}`" if text == printable(text) and not {"`", "|"} & set(text) else escaped(text)


def ladder_table(ladder: dict[str, Any]) -> str:
    """What each switch is worth, rung by rung."""
    rows = []
    for rung in ladder["rungs"]:
        accuracy = f"{sum(rung['accuracy_of_seeds']) / len(rung['accuracy_of_seeds']) * 100:.1f}"
        if rung.get("accuracy_difference") is None:
            rows.append([f"*{escaped(rung['title'])}*", "", accuracy, "", "", ""])
            continue
        base = rung["against"] == ladder["rungs"][0]["name"]
        against = "" if base else f" (against: {rung['against_title']})"
        rows.append(
            [
                escaped(rung["title"] + against),
                escaped(rung["whose"]),
                accuracy,
                difference_text(rung["accuracy_difference"], 100),
                difference_text(rung["log_loss_difference"], 1, digits=3),
                ratio_text(rung["speed_ratio"]),
            ]
        )
    heading = [
        "what is switched",
        escaped(ladder.get("heading", "whose")),
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


def _checked(form: type[formats.Form], make_table: Callable[[dict[str, Any]], str]) -> Callable[[dict[str, Any]], str]:
    """Return the function with a check before it: of a file that is as its command writes it."""
    return lambda values: make_table(form.model_validate(values).model_dump())


Tables = dict[str, tuple[str, Callable[[dict[str, Any]], str]]]
TABLES: Tables = {
    "quick": ("quick/statistics.json", _checked(formats.Statistics, _accuracy)),
    "quick-idiomatic": ("quick-idiomatic/statistics.json", _checked(formats.Statistics, _accuracy)),
    "full": ("full/statistics.json", _checked(formats.Statistics, _accuracy)),
    **{
        name: (f"{name}/statistics.json", _checked(formats.Statistics, _accuracy))
        for name in ("reuters", "reuters-tuned", "reuters-clean", "agreement")
    },
    "ensemble": ("ensemble.json", _checked(formats.Ensembles, ensemble_table)),
    "full-pretrained": ("full-pretrained/statistics.json", _checked(formats.Statistics, _accuracy)),
    "ablation": ("ablation.json", _checked(formats.Ladder, ladder_table)),
    "benchmark": ("benchmark.json", _checked(formats.Speed, speed_table)),
    "learning": ("benchmark.json", _checked(formats.Learning, learning_table)),
    "growth": ("benchmark.json", _checked(formats.Growth, growth_table)),
    "reading": ("benchmark.json", _checked(formats.Reading, reading_table)),
    "parity": ("parity.json", _checked(formats.Parity, _parity)),
    "portability": ("portability.json", _checked(formats.Portability, _portability)),
    "commands": ("commands.json", _checked(formats.Commands, _commands)),
}
LESSON_TABLES: Tables = {"ladder": ("ladder.json", _checked(formats.Ladder, ladder_table))}

"""The tables of the other studies: speed, reading, and what the lessons measured."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import Any

from compare.names import ARCHITECTURE_TITLES, NO_FRAMEWORK, TITLES
from compare.tables import Cell, Column, Row, Table

CELL_TITLE = Column("model", "Model", "text")
ONE_THREAD = Column("model", "one thread", "text")
# Rank correlations and accuracies of word vectors; what they are called in `shared.vectors.evaluation`.
VECTOR_TASKS = ("WordSim-353", "SimLex-999", "all analogies")
SHOWN_SCORES = (*VECTOR_TASKS, "semantic analogies", "syntactic analogies", "family")
LONGEST_OPERATIONS = ("longest operation", "second", "third")


def _title(cell: dict[str, Any]) -> str:
    return f"{TITLES[cell['framework']]} {ARCHITECTURE_TITLES[cell['architecture']]}"


def _attributes(cell: dict[str, Any]) -> dict[str, str]:
    return {"framework": cell["framework"], "architecture": cell["architecture"]}


def _quartiles(column: Column, values: dict[str, float] | None) -> Cell:
    if values is None:
        return column.cell(None)
    return column.cell(values["median"], values["low"], values["high"])


def speed_table(benchmark: dict[str, Any]) -> Table:
    """Speed of every cell in both recipes, and where the time goes.

    Parameters
    ----------
    benchmark : dict
        What ``benchmark.json`` has.
    """
    speed = benchmark["speed"]
    rate = {"unit": "reviews/s", "form": ",.0f", "better": "higher"}
    training, documented, prediction, documented_prediction = (
        Column(name, title, **rate)  # type: ignore[arg-type]
        for name, title in (
            ("training", "training"),
            ("training_as_documented", "training as documented"),
            ("prediction", "prediction"),
            ("prediction_as_documented", "prediction as documented"),
        )
    )
    ratio = Column("training_ratio", "times as fast as documented", form=".2f")
    products = Column(
        "matrix_products", "time for matrix products alone", unit="%", form=".0f", scale=100, data_unit="share"
    )
    busy = f"{speed['busy']} busy processes" if speed.get("busy") else "busy processes"
    beside = Column("contended_ratio", f"beside {busy}, times the fair time", better="lower", form=".2f")
    own = Column("own_code", "time in our own code", better="lower", unit="%", scale=100, data_unit="share")
    rows = [
        Row(
            (
                Cell(_title(result)),
                training.cell(result["lockstep"]["median"]),
                documented.cell(result["idiomatic"]["median"]),
                _quartiles(ratio, result["ratio"]),
                prediction.cell(result["prediction"]["lockstep"]["median"]),
                documented_prediction.cell(result["prediction"]["idiomatic"]["median"]),
                _quartiles(products, result.get("share_of_same_shape_products")),
                _quartiles(beside, result.get("contended_ratio")),
                own.cell(result["harness_share"]),
            ),
            _attributes(result),
        )
        for result in speed["rows"]
    ]
    return Table(
        "speed",
        "Speed of training and prediction",
        (CELL_TITLE, training, documented, ratio, prediction, documented_prediction, products, beside, own),
        rows,
        (
            "Medians of repeated measurements, their quartiles in brackets. As documented: written as the framework's "
            "own documentation writes it.",
            "Time for matrix products alone: what the matrix products of a training step would take by themselves, in "
            "NumPy, as a share of the time of training.",
            "Beside busy processes: the time of a step while they keep all cores busy, as a multiple of the time that "
            "a fair share of the cores would allow.",
            "Our own code: batches, dropout masks and records, as a share of the time of training.",
        ),
    )


def learning_table(benchmark: dict[str, Any]) -> Table:
    """Seconds of training to a test accuracy, of each framework's LSTM."""
    found = benchmark["learning"]["rows"]
    goals = list(found[0]["seconds_to"])
    columns = [Column(goal, f"{float(goal):.0%}", better="lower", unit="s", form=",.0f") for goal in goals]
    return Table(
        "learning",
        "Seconds of training to a test accuracy",
        (Column("framework", "training to a test accuracy of", "text"), *columns),
        [
            Row(
                (
                    Cell(TITLES[row["framework"]]),
                    *(column.cell(row["seconds_to"][column.name]) for column in columns),
                ),
                {"framework": row["framework"]},
            )
            for row in found
        ],
        ("A dash: not reached.",),
    )


def growth_table(benchmark: dict[str, Any]) -> Table:
    """Exponents of the cost's growth, of each framework's LSTM."""
    found = benchmark["growth"]["rows"]
    columns = {
        row["size"]: Column(
            row["size"], f"{row['size'].replace('_', ' ')} {row['values'][0]:,}–{row['values'][-1]:,}", form=".2f"
        )
        for row in found
    }
    exponents: dict[str, dict[str, float]] = {}
    for row in found:
        exponents.setdefault(row["framework"], {})[row["size"]] = row["exponent"]
    return Table(
        "growth",
        "How the seconds of an epoch grow",
        (Column("framework", "exponent of the cost, growing", "text"), *columns.values()),
        [
            Row(
                (Cell(TITLES[name]), *(column.cell(values[size]) for size, column in columns.items())),
                {"framework": name},
            )
            for name, values in exponents.items()
        ],
        ("1.00: twice the size takes twice the time.",),
    )


def reading_table(benchmark: dict[str, Any]) -> Table:
    """Seconds and memory of reading, before training and in prediction."""
    texts = Column("texts", "texts", form=",d")
    seconds = Column("seconds", "seconds", better="lower", form=".1f")
    rate = Column("rate", "texts/s", better="higher", form=",.0f")
    memory = Column("peak_memory", "peak memory", unit="GB", form=".1f", scale=1 / 1000, data_unit="MB")
    return Table(
        "reading",
        "How long reading takes",
        (Column("what", "reading", "text"), texts, seconds, rate, memory),
        [
            Row(
                (
                    Cell(row["what"]),
                    texts.cell(row["texts"]),
                    seconds.cell(row["seconds"]),
                    rate.cell(row["texts_a_second"]),
                    memory.cell(row["peak_memory_mb"], missing=""),
                )
            )
            for row in benchmark["reading"]["rows"]
        ],
    )


def answering_table(benchmark: dict[str, Any]) -> Table:
    """First answer from a cold start, memory and rate of each framework, and how many times those of no framework."""
    rows = {row["name"]: row for row in benchmark["answering"]["rows"]}
    columns = {
        "first_answer": Column("first_answer", "first answer", better="lower", unit="s", form=".2f"),
        "peak_memory_mb": Column("peak_memory", "peak memory of it", better="lower", unit="MB", form=",.0f"),
        "reviews_per_second": Column("rate", "in batches", better="higher", unit="reviews/s", form=",.0f"),
        "latency_ms": Column("latency", "one review", better="lower", unit="ms", form=".1f"),
    }
    difference = Column("difference", "largest difference of a probability", form=".0e")

    def entry(kind: str, row: dict[str, Any]) -> Cell:
        """Return the median, and the median of the rounds' ratios to no framework."""
        if None in (*row[kind], *rows[NO_FRAMEWORK][kind]):
            return columns[kind].cell(None)
        ratios = [own / without for own, without in zip(row[kind], rows[NO_FRAMEWORK][kind], strict=True)]
        note = "" if row["name"] == NO_FRAMEWORK else f"× {median(ratios):.2g}"
        return columns[kind].cell(median(row[kind]), note=note)

    return Table(
        "answering",
        "How soon and how fast a trained model answers",
        (Column("framework", "the full LSTM, opened in", "text"), *columns.values(), difference),
        [
            Row(
                (
                    Cell(TITLES.get(name, name)),
                    *(entry(kind, row) for kind in columns),
                    Cell("") if name == NO_FRAMEWORK else difference.cell(row["difference"]),
                ),
                {} if name == NO_FRAMEWORK else {"framework": name},
            )
            for name, row in rows.items()
        ],
        (
            "Medians of rounds in which each is measured in turn; in brackets, how many times that of "
            f"{NO_FRAMEWORK} in the same round.",
            "First answer: from the start of the process to its end. In batches, and one review alone: the model is "
            f"loaded and warm, and reads word ids; {benchmark['answering']['reviews']:,} reviews. Difference: from the "
            "answers without a framework.",
        ),
    )


def commands_table(commands: dict[str, Any]) -> Table:
    """How long each command took and what it left on the disk."""
    minutes = Column("duration", "minutes", form=".1f", scale=1 / 60, data_unit="s")
    disk = Column("disk", "disk after it", unit="GB", form=".1f", scale=1 / 1000, data_unit="MB")
    return Table(
        "commands",
        "What the commands take",
        (Column("command", "command", "text"), minutes, disk),
        [
            Row(
                (
                    Cell(command["command"], style="code"),
                    minutes.cell(command["seconds"]),
                    disk.cell(command["disk_mb"]),
                )
            )
            for command in commands["commands"]
        ],
    )


def parts_table(profile: dict[str, Any]) -> Table:
    """Milliseconds of a step by a framework's own profiler, and the share of each part of the model."""
    step = Column("step", "ms a step", form=".0f", scale=1000, data_unit="s")
    columns = [Column(part, part, form=".0%") for part in profile["cells"][0]["seconds"]]
    rows = []
    for cell in profile["cells"]:
        total = sum(cell["seconds"].values())
        shares = (column.cell(cell["seconds"][column.name] / total) for column in columns)
        rows.append(Row((Cell(_title(cell)), step.cell(total / profile["steps"]), *shares), _attributes(cell)))
    return Table("parts", "Where the time of a training step goes", (ONE_THREAD, step, *columns), rows)


def longest_table(profile: dict[str, Any]) -> Table:
    """The three longest operations of each cell."""
    times = [Column(f"{place} seconds", "ms a step", form=".0f", scale=1000) for place in LONGEST_OPERATIONS]
    rows = []
    for cell in profile["cells"]:
        entries = [Cell(_title(cell))]
        for operation, column in zip(cell["longest"], times, strict=False):
            name = "/".join(operation["name"].split("/")[-2:])
            entries += [Cell(name, style="code"), column.cell(operation["seconds"] / profile["steps"])]
        entries += [Cell("")] * (1 + 2 * len(times) - len(entries))
        rows.append(Row(entries, _attributes(cell)))
    columns = [
        one
        for place, column in zip(LONGEST_OPERATIONS, times, strict=True)
        for one in (Column(place, place, "text"), column)
    ]
    return Table("longest", "The longest operations of a training step", (ONE_THREAD, *columns), rows)


def corpus_text(vectors: dict[str, Any]) -> str:
    """Say on how much text the word vectors were trained."""
    return f"{vectors['texts']:,} reviews, {vectors['running_words'] / 1e6:.1f} million words.\n"


def vectors_table(vectors: dict[str, Any]) -> Table:
    """Scores of word vectors by the method that trained them."""
    seconds, count = Column("seconds", "seconds", form=".0f"), Column("words", "words", form=",d")
    tasks = [Column(task, task, form=".3f") for task in VECTOR_TASKS]
    rows = [
        Row(
            (
                Cell(trained["method"]),
                seconds.cell(trained.get("seconds"), missing=""),
                count.cell(trained["words"]),
                *(_score(column, trained["scores"][column.name]) for column in tasks),
                Cell(", ".join(trained["neighbours"])),
            )
        )
        for trained in (*vectors["trained"], vectors["packaged"])
    ]
    nearest = Column("nearest", "nearest to “awful”", "text")
    columns = Column("method", "vectors", "text"), seconds, count, *tasks, nearest
    return Table("training", "Word vectors by method", columns, rows)


def _score(column: Column, score: dict[str, float]) -> Cell:
    return column.cell(score["value"], note=f"{score['coverage']:.0%}")


def direction_table(vectors: dict[str, Any]) -> Table:
    """The gender direction of the packaged vectors, and the bias along it before and after debiasing."""
    debiasing = vectors["debiasing"]
    bias = debiasing["direct_bias"]
    facts = {
        "share of the pairs' variance, by component": ", ".join(f"{share:.2f}" for share in debiasing["explained"]),
        f"direct bias of {debiasing['occupations']} occupations, before": f"{bias['before']:.3f}",
        "and after": "below 0.000001" if bias["after"] < 1e-6 else f"{bias['after']:.6f}",
        "occupations furthest to the female side, with cosines": _cosines(debiasing["female"]),
        "and to the male side": _cosines(debiasing["male"]),
    }
    columns = Column("measured", "measured", "text"), Column("value", "on the packaged vectors", "text")
    return Table(
        "direction",
        "The gender direction of word vectors",
        columns,
        [Row((Cell(name), Cell(value))) for name, value in facts.items()],
    )


def _cosines(found: Sequence[tuple[str, float]]) -> str:
    return ", ".join(f"{word} ({cosine:+.2f})" for word, cosine in found)


def analogies_table(vectors: dict[str, Any]) -> Table:
    """Answers to analogies before and after debiasing."""
    return Table(
        "analogies",
        "Analogies before and after debiasing",
        tuple(Column(name, name, "text") for name in ("analogy", "before", "after")),
        [
            Row(
                (
                    Cell("{} : {} = {} : ?".format(*asked["question"])),
                    Cell(", ".join(asked["before"])),
                    Cell(", ".join(asked["after"])),
                )
            )
            for asked in vectors["debiasing"]["analogies"]
        ],
    )


def debiasing_table(vectors: dict[str, Any]) -> Table:
    """Scores of the packaged vectors before and after debiasing."""
    scores = {score["task"]: score for score in vectors["debiasing"]["scores"]}
    before, after = (Column(name, name, form=".3f") for name in ("before", "after"))
    asked = Column("asked", "asked", form=",d")
    rows = []
    for task in SHOWN_SCORES:
        score = scores[task]
        questions = Cell(f"{score['asked']:,} of {score['total']:,}", score["asked"])
        found = before.cell(score["before"]), after.cell(score["after"]), questions
        rows.append(Row((Cell(task), Cell(score["measure"]), *found)))
    columns = Column("task", "task", "text"), Column("measure", "measure", "text"), before, after, asked
    return Table("cost", "What debiasing costs", columns, rows)

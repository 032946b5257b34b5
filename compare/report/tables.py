"""The tables of a report, from its numbers; each says beneath it how they were made."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from compare.names import ARCHITECTURE_TITLES, NO_FRAMEWORK, TITLES
from compare.proofs.tables import parity_table, portability_tables, witnesses_table
from compare.report.columns import (
    COMMON_SEEDS,
    INTERVAL_NOTE,
    MEMORY,
    METRICS,
    MODEL,
    PARAMETERS,
    SEEDS,
    everything,
    interval_entry,
    mean_entry,
    metric,
    numbers,
    range_entry,
    rate_column,
    row_of,
    seconds_column,
    seeds_entry,
    share,
)
from compare.report.difference_tables import (
    beside_table,
    pair_table,
    settings_beside_table,
    settings_table,
    variance_table,
)
from compare.report.error_tables import calibration_table, confusion_tables, slice_table
from compare.report.form import (
    Cell,
    Ensemble,
    PublishedResult,
    Range,
    SeedRun,
    SideBySide,
    Statistics,
)
from compare.report.published_results import NOTE
from compare.report.verdict import listed, title_of
from compare.report.waterfall import explained_tables
from compare.tables import Cell as Entry
from compare.tables import Column, Row, Table
from shared.contract import FRAMEWORKS
from shared.specification import ARCHITECTURES

SHOWN_EPOCHS = 10
LATENCY_NOTE = "Latency is the time of one review alone: of a network from its word ids, of a baseline from its text."
WITHOUT_NOTE = (
    "No framework: a checkpoint of the first framework opened in NumPy alone, on all cores; measured by lockstep "
    "portability, on fewer reviews."
)
PUBLISHED_NOTE = f"{NOTE} They were not trained here."


def tables_of(statistics: Statistics) -> dict[str, Table]:
    """Return every table that these numbers allow, by its name, in the order of the report."""
    made = [
        headline_table(statistics),
        ensemble_table(statistics.ensembles),
        published_table(statistics.published),
        metrics_table(statistics),
        out_of_domain_table(statistics),
        variance_table(statistics),
        pair_table(statistics),
        *([parity_table(statistics.parity)] if statistics.parity else []),
        *(portability_tables(statistics.portability) if statistics.portability else []),
        *([witnesses_table(statistics.witnesses)] if statistics.witnesses else []),
        settings_table(statistics, differences_only=True),
        *explained_tables(statistics),
        settings_table(statistics, differences_only=False),
        time_to_table(statistics),
        epochs_table(statistics),
        cost_table(statistics),
        seeds_table(statistics),
        slice_table(statistics),
        calibration_table(statistics),
        *confusion_tables(statistics),
        method_table(statistics),
    ]
    return {table.name: table for table in made if table.rows}


def tables_of_both(both: SideBySide) -> dict[str, Table]:
    """Return every table of a page on two experiments, by its name."""
    made = [
        beside_table(both),
        settings_beside_table(both),
        replace(headline_table(both.first), name="headline-first"),
        replace(headline_table(both.second), name="headline-second"),
    ]
    return {table.name: table for table in made if table.rows}


def headline_table(statistics: Statistics) -> Table:
    """Accuracy, ranking, loss, size and cost of every model, baseline and ensemble, beside what was published."""
    cells = everything(statistics)
    accuracy, area, loss = map(metric, ("accuracy", "roc_auc", "log_loss"))
    seconds = Column("training_seconds", "Training", better="lower", unit="s", form=",.1f")
    rate = Column("training_rate", "Training", better="higher", unit="reviews/s", form=",.0f")
    latency = Column("latency", "Latency, median", better="lower", unit="ms", form=",.2f")
    measured = any(cell.latency_ms for cell in cells)
    columns = (MODEL, accuracy, area, loss, PARAMETERS, seconds, rate, *([latency] if measured else []), MEMORY, SEEDS)
    rows = [
        row_of(
            cell,
            interval_entry(accuracy, cell.accuracy),
            area.cell(cell.metrics.get("roc_auc")),
            loss.cell(cell.metrics.get("log_loss")),
            PARAMETERS.cell(cell.parameters.total),
            seconds.cell(cell.seconds["training"].mean, note="machine was busy" if cell.contended_seeds else ""),
            mean_entry(rate, cell.reviews_per_second.get("training")),
            *([mean_entry(latency, cell.latency_ms.get("p50"))] if measured else []),
            mean_entry(MEMORY, cell.peak_memory_mb),
            seeds_entry(cell),
        )
        for cell in cells
    ]
    blank = Entry("–")
    rest = [blank] * (len(columns) - 4)
    for one in statistics.ensembles:
        scores = (area.cell(one.metrics.get("roc_auc")), loss.cell(one.metrics.get("log_loss")))
        entries = (Entry(f"Ensemble: {one.name}"), interval_entry(accuracy, one.accuracy), *scores, *rest)
        rows.append(Row(entries, {"framework": "ensemble", "architecture": "ensemble", "group": "ensemble"}))
    for result in statistics.published:
        entries = (_cited(result), accuracy.cell(result.accuracy), blank, blank, *rest)
        rows.append(Row(entries, {"framework": "published", "architecture": "published", "group": "published"}))
    return Table(
        "headline",
        f"Accuracy and cost on {statistics.data.sizes['test']:,} test reviews",
        columns,
        rows,
        _headline_notes(statistics),
    )


def _cited(result: PublishedResult) -> Entry:
    source = f"published: {result.source}"
    return Entry(result.name, note=source, remark=source, link=result.url)


def _headline_notes(statistics: Statistics) -> list[str]:
    notes = [
        INTERVAL_NOTE,
        f"{COMMON_SEEDS} Training in reviews/s is the mean of the seeds' rates, memory the mean of their peaks; the "
        "table of costs has their ranges.",
        *_ties(statistics),
    ]
    if any(cell.latency_ms for cell in everything(statistics)):
        notes.append(LATENCY_NOTE)
    if any(cell.contended_seeds for cell in everything(statistics)):
        notes.append("Machine was busy: other programs used the processor meanwhile, so the times are too long.")
    if statistics.published:
        notes.append(PUBLISHED_NOTE)
    return notes


def _ties(statistics: Statistics) -> Iterator[str]:
    """Name the cells that are right on exactly as many reviews."""
    equal: defaultdict[float, list[str]] = defaultdict(list)
    for cell in (cell for cell in statistics.cells if cell.comparable):
        equal[cell.accuracy.value].append(title_of(cell.name))
    for names in equal.values():
        if len(names) > 1:
            yield f"{listed(names)} tie: they have exactly the same accuracy."


def ensemble_table(ensembles: Sequence[Ensemble]) -> Table:
    """Accuracy of models that answer together, and each metric that all of them have."""
    accuracy = metric("accuracy")
    models = Column("models", "Models", form="d")
    loss = Column("validation_log_loss", "Log loss on the validation reviews", better="lower", form=".4f")
    shared = [name for name in METRICS if name != "accuracy" and all(name in one.metrics for one in ensembles)]
    others = [metric(name) for name in shared]
    rows = [
        Row(
            (
                Entry(one.name),
                models.cell(one.models),
                loss.cell(one.validation_log_loss),
                interval_entry(accuracy, one.accuracy),
                *(column.cell(one.metrics[column.name]) for column in others),
            )
        )
        for one in ensembles
    ]
    return Table(
        "ensembles",
        "Models that answer together",
        (Column("ensemble", "Ensemble", "text"), models, loss, accuracy, *others),
        rows,
        (
            "The mean of the models' probabilities; weighted: their product, each raised to a weight. The weights are "
            "those "
            "of smallest log loss on the validation reviews, and the loss shown is of weights that did not see them.",
            "All seeds of a model answer, also those that it is not compared on.",
            INTERVAL_NOTE,
        ),
    )


def published_table(results: Sequence[PublishedResult]) -> Table:
    """Accuracies that papers give, with their sources."""
    accuracy = metric("accuracy")
    return Table(
        "published",
        "Published accuracies on the official test reviews",
        (Column("model", "Model", "text"), accuracy, Column("source", "Source", "text")),
        [
            Row(
                (Entry(result.name), accuracy.cell(result.accuracy), Entry(result.source, link=result.url)),
                {"framework": "published", "architecture": "published"},
            )
            for result in results
        ],
        (PUBLISHED_NOTE,),
    )


def metrics_table(statistics: Statistics) -> Table:
    """Every metric on the test reviews, with its direction, and the validation accuracy."""
    cells = everything(statistics)
    names = list(dict.fromkeys((*METRICS, *(name for cell in cells for name in cell.metrics))))
    columns = [metric(name) for name in names if any(name in cell.metrics for cell in cells)]
    validation = share("validation_accuracy", "Validation accuracy")
    return Table(
        "metrics",
        "Every metric on the test reviews",
        (MODEL, *columns, validation),
        [
            row_of(
                cell,
                *(column.cell(cell.metrics.get(column.name)) for column in columns),
                validation.cell(cell.validation_accuracy),
            )
            for cell in cells
        ],
        (
            f"Means over the seeds that are compared. {_metric_notes(len(statistics.data.class_names))}",
            "Calibration error: expected, over 15 equal bins of confidence (Guo et al. 2017).",
        ),
    )


def _metric_notes(classes: int) -> str:
    note = "The Brier score is summed over the classes (Brier 1950)"
    if classes == 2:
        return f"{note}: twice that of the positive class alone. Log loss is in nats."
    return f"{note}. Log loss is in nats. ROC AUC is the mean over the classes that occur, each against the rest."


def out_of_domain_table(statistics: Statistics) -> Table:
    """Metrics of the same models on the reviews of other data."""
    cells = [cell for cell in everything(statistics) if cell.out_of_domain]
    names = [name for name in METRICS if any(name in found for cell in cells for found in cell.out_of_domain.values())]
    columns = [metric(name) for name in names]
    rows = []
    for cell in cells:
        for source, metrics in cell.out_of_domain.items():
            row = row_of(cell, Entry(source), *(column.cell(metrics.get(column.name)) for column in columns))
            rows.append(row)
    return Table(
        "out-of-domain",
        "The same models on other reviews",
        (MODEL, Column("reviews", "Reviews of", "text"), *columns),
        rows,
        ("None of these reviews was learnt from. Means over the seeds that were tested on them.",),
    )


def time_to_table(statistics: Statistics) -> Table:
    """Seconds of training to a validation accuracy."""
    goals = list(dict.fromkeys(goal for cell in statistics.cells for goal in cell.seconds_to))
    columns = [
        Column(f"seconds_to_{goal}", f"To {float(goal):.0%}", better="lower", unit="s", form=",.1f") for goal in goals
    ]
    rows = [
        row_of(
            cell,
            *(
                range_entry(column, cell.seconds_to.get(goal), len(cell.compared_seeds), _not_reached(cell, goal))
                for goal, column in zip(goals, columns, strict=True)
            ),
        )
        for cell in statistics.cells
        if cell.seconds_to
    ]
    return Table(
        "time-to",
        "Seconds of training to a validation accuracy",
        (MODEL, *columns),
        rows,
        (
            "By the end of the first epoch that reaches it; seconds are of training, without validation. Mean over the "
            "seeds that are compared, in brackets the smallest and the largest. A mean is given only if all of them "
            "reach it.",
        ),
    )


def _not_reached(cell: Cell, goal: str) -> str:
    seeds = [run for run in cell.runs if run.seed in cell.compared_seeds]
    reached = sum(run.seconds_to.get(goal) is not None for run in seeds)
    return f"reached by {reached} of {len(seeds)} seeds" if reached else "not reached"


def epochs_table(statistics: Statistics) -> Table:
    """Validation accuracy at the end of each epoch."""
    last = max((len(run.curve) for cell in statistics.cells for run in cell.runs), default=0)
    steps = max(1, -(-last // SHOWN_EPOCHS))
    shown = sorted({*range(steps, last + 1, steps), *([last] if last else [])})
    columns = [share(f"epoch_{epoch}", f"Epoch {epoch}", "higher") for epoch in shown]
    rows = [
        row_of(cell, *(column.cell(_accuracy_after(cell, epoch)) for epoch, column in zip(shown, columns, strict=True)))
        for cell in statistics.cells
        if any(run.curve for run in cell.runs)
    ]
    return Table(
        "epochs",
        "Validation accuracy at the end of an epoch",
        (MODEL, *columns),
        rows,
        ("Means over the seeds that are compared.",),
    )


def _accuracy_after(cell: Cell, epoch: int) -> float | None:
    found = [
        point.validation_accuracy
        for run in cell.runs
        if run.seed in cell.compared_seeds
        for point in run.curve
        if point.epoch == epoch
    ]
    return sum(found) / len(found) if found else None


def cost_table(statistics: Statistics) -> Table:
    """Seconds, rates, latency and memory, each with its range over the seeds."""
    cells = everything(statistics)
    read: list[tuple[Column, Callable[[Cell], Range | None]]] = [
        (seconds_column("setup", "Set-up"), lambda cell: cell.seconds.get("setup")),
        (seconds_column("training", "Training"), lambda cell: cell.seconds.get("training")),
        (seconds_column("prediction", "Prediction"), lambda cell: cell.seconds.get("prediction")),
        (rate_column("training", "Training"), lambda cell: cell.reviews_per_second.get("training")),
        (rate_column("prediction", "Prediction"), lambda cell: cell.reviews_per_second.get("prediction")),
    ]
    for name in dict.fromkeys(name for cell in cells for name in cell.latency_ms):
        column = Column(f"latency_{name}", f"Latency, {name}", better="lower", unit="ms", form=",.2f")
        read.append((column, lambda cell, name=name: cell.latency_ms.get(name)))  # type: ignore[misc]
    read.append((MEMORY, lambda cell: cell.peak_memory_mb))
    load = Column("load", "Busy with other programs", "text")
    rows = [
        row_of(
            cell,
            PARAMETERS.cell(cell.parameters.total),
            *(range_entry(column, value(cell), len(cell.compared_seeds)) for column, value in read),
            Entry(_load(cell)),
        )
        for cell in cells
    ]
    without = statistics.portability.without_framework if statistics.portability else {}
    for architecture, found in without.items():
        known = {"prediction_rate": found.reviews_per_second} | {
            f"latency_{name}": milliseconds for name, milliseconds in found.latency_ms.items()
        }
        entries = [column.cell(known.get(column.name)) for column, _ in read]
        title = Entry(f"{ARCHITECTURE_TITLES[architecture]}, {NO_FRAMEWORK}")
        about = {"architecture": architecture, "group": "network"}
        rows.append(Row((title, Entry("–"), *entries, Entry("not measured")), about))
    threads = listed([str(one) for one in statistics.threads], "or")
    return Table(
        "cost",
        "What the models cost",
        (MODEL, PARAMETERS, *(column for column, _ in read), load),
        rows,
        (
            "Mean over the seeds that are compared; in brackets the smallest and the largest of the seeds, for memory "
            "too. "
            "A rate is the mean of the seeds' rates, not all reviews by all seconds.",
            "Set-up is all that comes before training; training is without validation. Memory is the largest that the "
            "process "
            "ever had. In latency, p50 is the median and p95 what 95 % of the reviews stay below.",
            "Busy with other programs: seeds in whose training these used the processor, so that its times are too "
            "long.",
            LATENCY_NOTE,
            *([WITHOUT_NOTE] if without else []),
            f"{threads} thread{'' if statistics.threads == (1,) else 's'} a model.",
        ),
    )


def _load(cell: Cell) -> str:
    if cell.contended_seeds:
        return f"seed{'s' if len(cell.contended_seeds) > 1 else ''} {numbers(cell.contended_seeds)}"
    runs = [run for run in cell.runs if run.seed in cell.compared_seeds]
    return "not measured" if any(run.contended is None for run in runs) else "no"


def seeds_table(statistics: Statistics) -> Table:
    """Every trained model by itself: what the means are made of."""
    metrics = [metric(name) for name in ("accuracy", "roc_auc", "log_loss")]
    seed = Column("seed", "Seed", form="d")
    validation = share("validation_accuracy", "Validation accuracy")
    seconds, rate = seconds_column("training", "Training"), rate_column("training", "Training")
    busy = Column("busy_elsewhere", "Cores used by other programs", form=".2f")
    rows = [
        row_of(
            cell,
            seed.cell(run.seed, note="" if _is_compared(cell, run) else "not compared"),
            *(column.cell(run.metrics.get(column.name)) for column in metrics),
            validation.cell(run.validation_metrics.get("accuracy")),
            seconds.cell(run.seconds.get("training")),
            rate.cell(run.reviews_per_second.get("training")),
            MEMORY.cell(run.peak_memory_mb),
            busy.cell(run.busy_elsewhere, note="too many" if run.contended else ""),
            Entry(run.commit[:12]),
        )
        for cell in everything(statistics)
        for run in cell.runs
    ]
    return Table(
        "seeds",
        "Every seed by itself",
        (MODEL, seed, *metrics, validation, seconds, rate, MEMORY, busy, Column("commit", "Commit", "text")),
        rows,
        ("Not compared: a seed that not all frameworks have.",),
    )


def _is_compared(cell: Cell, run: SeedRun) -> bool:
    return cell.comparable and run.seed in cell.compared_seeds


def method_table(statistics: Statistics) -> Table:
    """What everything ran on, and which reviews."""
    sizes = ", ".join(f"{name} {size:,}" for name, size in statistics.data.sizes.items())
    versions = {TITLES.get(cell.framework, "Baselines"): cell.version for cell in everything(statistics)}
    facts = {
        "Recipe": statistics.recipe,
        "Task": statistics.task,
        "Reviews from": statistics.data.source,
        "Reviews": sizes,
        "Test reviews without a known word": f"{statistics.data.empty:,}",
        "Fingerprint of the reviews": statistics.data.fingerprint,
        **versions,
        **{
            f"Machine {place}" if len(statistics.machines) > 1 else "Machine": (
                f"{machine.processor}, {machine.cores} cores, {machine.memory_gb:g} GB, {machine.system}, "
                f"Python {machine.python}"
            )
            for place, machine in enumerate(statistics.machines, 1)
        },
        "Threads of a model": listed([str(one) for one in statistics.threads], "or"),
        "Commits": ", ".join(statistics.commits),
    }
    return Table(
        "method",
        "What it was measured on",
        (Column("what", "What", "text"), Column("value", "Value", "text")),
        [Row((Entry(name), Entry(value))) for name, value in facts.items() if value],
    )


def accuracy_table(statistics: Statistics) -> Table:
    """Test accuracy by framework and architecture, and of the baselines: the short table of the documentation."""
    cells = {(cell.framework, cell.architecture): cell for cell in statistics.cells}
    chosen = [name for name in ARCHITECTURES if any(name == architecture for _, architecture in cells)]
    columns = [share(name, ARCHITECTURE_TITLES[name]) for name in chosen]
    baseline = [share("baseline", "Baseline")] if statistics.baselines else []
    blank = Entry("")
    rows = [
        Row(
            (
                Entry(TITLES[framework]),
                *_accuracies(columns, {name: cells.get((framework, name)) for name in chosen}),
                *[blank] * len(baseline),
            )
        )
        for framework in dict.fromkeys(framework for framework, _ in cells)
    ]
    points = [
        Entry(f"{statistics.spread[name] * 100:.2f}", statistics.spread[name]) if name in statistics.spread else blank
        for name in chosen
    ]
    if statistics.spread:
        spread = Entry("spread between frameworks, points", style="emphasis")
        rows.append(Row((spread, *points, *[blank] * len(baseline))))
    rows += [
        Row(
            (
                Entry(ARCHITECTURE_TITLES[cell.architecture]),
                *[blank] * len(chosen),
                interval_entry(baseline[0], cell.accuracy),
            )
        )
        for cell in statistics.baselines
    ]
    return Table(
        "accuracy",
        "Test accuracy",
        (Column("framework", "Test accuracy", "text"), *columns, *baseline),
        rows,
        _accuracy_notes(statistics),
    )


def _accuracies(columns: Sequence[Column], cells: Mapping[str, Cell | None]) -> Iterator[Entry]:
    for column in columns:
        cell = cells[column.name]
        yield column.cell(None) if cell is None else interval_entry(column, cell.accuracy)


def _accuracy_notes(statistics: Statistics) -> list[str]:
    seeds = {cell.compared_seeds for cell in statistics.cells if cell.framework in FRAMEWORKS} or {
        cell.compared_seeds for cell in statistics.cells
    }
    if len(seeds) == 1:
        (only,) = seeds
        means = f"Seed {only[0]}" if len(only) == 1 else f"Means over the seeds {numbers(only)}"
    else:
        means = "Means over the seeds that all frameworks have of an architecture"
    return [f"{means}; {statistics.data.sizes['test']:,} test reviews. {INTERVAL_NOTE}", *_ties(statistics)]

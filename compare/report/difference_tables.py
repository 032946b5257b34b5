"""Tables of differences: between every two models, between seeds and frameworks, between settings."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from compare.names import ARCHITECTURE_TITLES, TITLES
from compare.report.columns import (
    INTERVAL_NOTE,
    MODEL,
    SEEDS,
    interval_entry,
    numbers,
    points,
    share,
)
from compare.report.form import (
    Interval,
    Pair,
    Setting,
    SideBySide,
    Statistics,
)
from compare.report.verdict import listed, title_of
from compare.tables import Cell as Entry
from compare.tables import Column, Row, Table


def pair_table(statistics: Statistics, kind: str | None = None) -> Table:
    """Every two models on the same reviews: the difference, whether it is chance, how far they agree.

    Parameters
    ----------
    statistics : Statistics
        Of a report.
    kind : str, optional
        Only pairs of this kind (see `compare.report.form.Pair`); default: all.
    """
    difference = points("difference", "Difference of accuracy", "+.2f")
    corrected = Column("p_holm", "p, corrected", form=".2g")
    alone = Column("p", "p, alone", form=".2g")
    first_only = Column("first_only_right", "Only the first is right", unit="reviews", form=",.1f")
    second_only = Column("second_only_right", "Only the second is right", unit="reviews", form=",.1f")
    agreement, kappa = share("agreement", "Same answer", None), Column("kappa", "Cohen's kappa", form=".3f")
    reviews = Column("reviews_needed", "Reviews needed", form=",d")
    seeds = Column("seeds_needed", "Seeds needed", form=",d")
    rows = [
        Row(
            (
                Entry(title_of(pair.first)),
                Entry(title_of(pair.second)),
                _difference(difference, pair.difference),
                _chance(corrected, pair.holm),
                _chance(alone, pair.mcnemar),
                first_only.cell(pair.first_only),
                second_only.cell(pair.second_only),
                agreement.cell(pair.agreement),
                kappa.cell(pair.kappa),
                reviews.cell(pair.reviews_needed),
                seeds.cell(pair.seeds_needed),
                SEEDS.cell(len(pair.seeds)),
            ),
            _pair_attributes(pair),
        )
        for pair in statistics.pairs
        if kind in (None, pair.kind)
    ]
    return Table(
        "pairs" if kind is None else f"pairs-{kind}",
        "Every two models on the same test reviews",
        (
            Column("first", "First", "text"),
            Column("second", "Second", "text"),
            *(difference, corrected, alone, first_only, second_only, agreement, kappa, reviews, seeds, SEEDS),
        ),
        rows,
        (
            "Difference: first less second, a mean over the seeds that both have; in brackets its 95 % interval, a "
            "paired "
            "bootstrap over the reviews. Tie: they are right on exactly as many.",
            "p: McNemar's exact test, the largest over the seeds; corrected: Holm's correction for all pairs. Below "
            "0.05 "
            "a difference is called real.",
            "Reviews that only one gets right are a mean over the seeds. A baseline has one seed, which is held "
            "against each "
            "seed of the other.",
            "Reviews and seeds needed: so many would show this difference with 80 % power at the 5 % level; – where "
            "there "
            "is none, or nothing to estimate it from.",
        ),
    )


def _difference(column: Column, difference: Interval) -> Entry:
    return interval_entry(column, difference, "tie" if difference.value == 0 else "")


def _chance(column: Column, p: float) -> Entry:
    shown = column.cell(p)
    return shown if p >= 0.001 else Entry("< 0.001", p)


def _pair_attributes(pair: Pair) -> dict[str, str]:
    parts = [name.split("/") for name in (pair.first, pair.second)]
    frameworks, architectures = (" ".join(dict.fromkeys(one)) for one in zip(*parts, strict=True))
    return {"framework": frameworks, "architecture": architectures, "group": pair.kind}


def variance_table(statistics: Statistics) -> Table:
    """How far the seed, the framework and the sample of test reviews move an accuracy."""
    seed, framework, rest, reviews = (
        points(name, title)
        for name, title in (
            ("seed_deviation", "By the seed"),
            ("framework_deviation", "By the framework"),
            ("remainder_deviation", "By both together"),
            ("reviews_deviation", "By the sample of reviews"),
        )
    )
    frameworks = Column("frameworks", "Frameworks", form="d")
    return Table(
        "variances",
        "What moves a test accuracy: standard deviations",
        (Column("architecture", "Architecture", "text"), seed, framework, rest, reviews, frameworks, SEEDS),
        [
            Row(
                (
                    Entry(ARCHITECTURE_TITLES[one.architecture]),
                    seed.cell(one.seed, missing="not known"),
                    framework.cell(one.framework, missing="not known"),
                    rest.cell(one.remainder),
                    reviews.cell(one.reviews),
                    frameworks.cell(one.frameworks),
                    SEEDS.cell(len(one.seeds), note=numbers(one.seeds)),
                ),
                {"architecture": one.architecture},
            )
            for one in statistics.variances
        ],
        (
            "Of a single model on this number of test reviews. By both together: what a seed does in one framework "
            "only. "
            "Not known: that takes two seeds, or two frameworks.",
        ),
    )


def beside_table(both: SideBySide) -> Table:
    """Accuracy and seconds of every cell in two experiments, and whether the difference is chance."""
    columns = [share(place, f"Accuracy in {name}") for place, name in zip(("first", "second"), both.names, strict=True)]
    times = [
        Column(f"{place}_training_seconds", f"Training in {name}", better="lower", unit="s", form=",.1f")
        for place, name in zip(("first", "second"), both.names, strict=True)
    ]
    difference = points("difference", f"{both.names[1]} less {both.names[0]}", "+.2f")
    corrected = Column("p_holm", "p, corrected", form=".2g")
    rows = []
    for one in both.cells:
        framework, _, architecture = one.cell.partition("/")
        entries = (
            Entry(title_of(one.cell)),
            *(interval_entry(column, found) for column, found in zip(columns, (one.first, one.second), strict=True)),
            difference.cell(None) if one.difference is None else _difference(difference, one.difference),
            corrected.cell(None) if one.holm is None else _chance(corrected, one.holm),
            *(
                column.cell(found.mean, note="machine was busy" if busy else "")
                for column, found, busy in zip(times, one.training_seconds, one.busy, strict=True)
            ),
            SEEDS.cell(len(one.seeds), note=numbers(one.seeds)),
        )
        rows.append(Row(entries, {"framework": framework, "architecture": architecture}))
    return Table(
        "beside",
        "The same models in two experiments",
        (MODEL, *columns, difference, corrected, *times, SEEDS),
        rows,
        (
            "Difference: a mean over the seeds that both have; in brackets its 95 % interval, a paired bootstrap over "
            "the reviews. Tie: right on exactly as many. –: not tested on the same reviews, or with no seed in common.",
            "p: McNemar's exact test, the largest over the seeds, with Holm's correction for all models.",
            INTERVAL_NOTE,
        ),
    )


def settings_table(statistics: Statistics, *, differences_only: bool) -> Table:
    """What each field of the specification is, one row for each of its values.

    Parameters
    ----------
    statistics : Statistics
        Of a report.
    differences_only : bool
        Leave out the fields that are the same for all models.
    """
    rows = []
    for setting in statistics.settings:
        if setting.differs or not differences_only:
            for value, names in _by_value(setting).items():
                rows.append(_setting_row(setting, value, names))
    name = "settings-differences" if differences_only else "settings"
    caption = "Settings that are not the same for all models" if differences_only else "All settings"
    return Table(
        name,
        caption,
        (
            Column("field", "Setting", "text"),
            Column("value", "Value", "text"),
            Column("models", "Models", "text"),
            Column("default", "Default", "text"),
            Column("description", "What it is", "text"),
        ),
        rows,
    )


def _setting_row(setting: Setting, value: str, names: Sequence[str]) -> Row:
    models = "all" if len(names) == len(setting.values) else _grouped(names)
    return Row(tuple(map(Entry, (setting.field, value, models, _said(setting.default), setting.description))))


def _by_value(setting: Setting) -> dict[str, list[str]]:
    found: defaultdict[str, list[str]] = defaultdict(list)
    for name, value in setting.values.items():
        found[_said(value)].append(name)
    return dict(found)


def _said(value: object) -> str:
    """Return a setting's value as its flag has it."""
    return {None: "none", True: "yes", False: "no"}[value] if value is None or isinstance(value, bool) else str(value)


def _grouped(names: Sequence[str]) -> str:
    """Name cells, those of one framework together: ``Keras LSTM and GRU; PyTorch LSTM``."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for name in names:
        framework, _, architecture = name.partition("/")
        found[framework].append(ARCHITECTURE_TITLES[architecture])
    return "; ".join(f"{TITLES.get(name, '')} {listed(titles)}".strip() for name, titles in found.items())


def settings_beside_table(both: SideBySide) -> Table:
    """What two experiments set otherwise."""
    return Table(
        "settings-beside",
        "Settings that differ",
        (
            Column("field", "Setting", "text"),
            *(Column(place, name, "text") for place, name in zip(("first", "second"), both.names, strict=True)),
            Column("description", "What it is", "text"),
        ),
        [
            Row(
                (
                    Entry(one.field),
                    *(Entry(" or ".join(map(_said, values))) for values in (one.first, one.second)),
                    Entry(one.description),
                )
            )
            for one in both.settings
        ],
        ("Empty: the recipe of that experiment does not use the setting.",),
    )

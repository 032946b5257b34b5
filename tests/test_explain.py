"""`lockstep explain`: what each field is worth, and how much is trained to say so."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping
from itertools import combinations
from math import factorial
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import t

from compare.explain import budget as budgets
from compare.explain.answer import complete_seeds, explained
from compare.explain.budget import estimated, kept_plan, key_of, planned, save_plan
from compare.explain.ends import End, read_ends
from compare.explain.figures import waterfall_figure
from compare.explain.form import Explained, read_explained
from compare.explain.players import changed, differing_fields, players_of
from compare.explain.question import Question, asked
from compare.explain.shapley import (
    Coalition,
    all_orders,
    coalitions_along,
    contributions,
    drawn_orders,
    early_and_late,
    interaction_share,
)
from compare.explain.words import explanation_table, sentences, waterfall_table
from compare.grid.cells import Setting
from shared.durations import duration
from shared.errors import LockstepError
from shared.runs import Data, Machine, Parameters, Record, Seconds
from shared.specification import ARCHITECTURES, Specification, specification_of
from tests.conftest import ROOT, Command
from tests.synthetic import write_texts

# Sums of some numbers below 1, in another order.
ROUNDING = 1e-12
NO_ONE: Coalition = frozenset()


def subsets(players: int) -> list[Coalition]:
    return [frozenset(chosen) for size in range(players + 1) for chosen in combinations(range(players), size)]


def shapley_by_definition(worth: Mapping[Coalition, float], players: int) -> list[float]:
    """Shapley's own formula, over coalitions and not over orders."""
    values = []
    for player in range(players):
        total = 0.0
        for coalition in subsets(players):
            if player not in coalition:
                size = len(coalition)
                weight = factorial(size) * factorial(players - size - 1) / factorial(players)
                total += weight * (worth[coalition | {player}] - worth[coalition])
        values.append(total)
    return values


@st.composite
def games(draw: st.DrawFn) -> tuple[int, dict[Coalition, float]]:
    players = draw(st.integers(1, 4))
    every = subsets(players)
    values = draw(st.lists(st.floats(-1, 1, width=32), min_size=len(every), max_size=len(every)))
    return players, dict(zip(every, values, strict=True))


@given(games())
def test_all_orders_give_shapleys_formula(game: tuple[int, dict[Coalition, float]]) -> None:
    players, worth = game
    orders = all_orders(players)
    assert set(coalitions_along(orders)) == set(subsets(players))
    found = contributions(worth, orders).mean(axis=0)
    np.testing.assert_allclose(found, shapley_by_definition(worth, players), rtol=0, atol=ROUNDING)


@given(games(), st.integers(1, 5), st.integers(0, 9))
def test_drawn_orders_add_up_too(game: tuple[int, dict[Coalition, float]], pairs: int, seed: int) -> None:
    players, worth = game
    changes = contributions(worth, drawn_orders(players, pairs, seed))
    whole = worth[frozenset(range(players))] - worth[NO_ONE]
    np.testing.assert_allclose(changes.sum(axis=1), whole, rtol=0, atol=ROUNDING)


def test_players_that_do_the_same_are_worth_the_same_and_one_that_does_nothing_is_worth_nothing() -> None:
    # Players 0 and 1 are worth 2 together and nothing alone; 2 is worth 5 whatever else; 3 does nothing.
    worth = {one: 2.0 * ({0, 1} <= one) + 5.0 * (2 in one) for one in subsets(4)}
    orders = all_orders(4)
    changes = contributions(worth, orders)
    np.testing.assert_allclose(changes.mean(axis=0), [1, 1, 5, 0], rtol=0, atol=ROUNDING)
    early, late = early_and_late(changes, orders)
    assert early[2] == late[2] == 5
    assert early[3] == late[3] == 0
    assert early[0] < 1 < late[0], "what is worth something only together is worth more when it comes late"
    # |early - late| of the pair as a share: early 1/3, late 5/3, by counting the places of the other one.
    np.testing.assert_allclose([early[0], late[0]], [1 / 3, 5 / 3], rtol=0, atol=ROUNDING)
    expected = 2 * (4 / 3) / (2 * 2 + 2 * 5)
    assert interaction_share(early, late) == pytest.approx(expected, abs=ROUNDING)


def test_parts_that_only_add_have_no_interaction_and_parts_that_need_each_other_have_nothing_else() -> None:
    orders = all_orders(3)
    adding = contributions({one: sum(0.1 * player for player in one) for one in subsets(3)}, orders)
    assert interaction_share(*early_and_late(adding, orders)) == pytest.approx(0, abs=ROUNDING)
    orders = all_orders(2)
    both = contributions({one: float(len(one) == 2) for one in subsets(2)}, orders)
    assert interaction_share(*early_and_late(both, orders)) == 1
    assert interaction_share(np.zeros(2), np.zeros(2)) == 0


def test_orders_come_with_their_reverse_and_more_of_them_begin_with_the_same() -> None:
    few, many = drawn_orders(7, 3, 0), drawn_orders(7, 5, 0)
    assert many[:6] == few
    assert len(many) == 10
    for first, second in zip(many[::2], many[1::2], strict=True):
        assert second == first[::-1]
        assert sorted(first) == list(range(7))
    assert drawn_orders(7, 3, 1) != few, "each seed has its own"
    along = coalitions_along(few)
    assert along[0] == NO_ONE
    assert frozenset(range(7)) in along
    assert len(along) == len(set(along)) <= 2 + 6 * 6


def test_in_the_middle_of_every_order_a_player_is_worth_what_it_is() -> None:
    orders = [(0, 1, 2), (2, 1, 0)]
    changes = np.array([[1.0, 2.0, 3.0], [5.0, 4.0, 9.0]])
    early, late = early_and_late(changes, orders)
    np.testing.assert_array_equal(early, [1, 3, 9])
    np.testing.assert_array_equal(late, [5, 3, 3])


# What can be changed by itself.


def names(first: Specification, second: Specification, *together: list[str]) -> list[str]:
    ends = first.without_idle_fields(), second.without_idle_fields()
    return [player.name for player in players_of(*ends, together)]


PLAIN = Specification()


def test_fields_are_changed_one_by_one() -> None:
    other = PLAIN.replaced(pooling="max", learning_rate=1e-3, seed=4, batch_parts=1, recipe="idiomatic")
    assert names(PLAIN, other) == ["pooling", "learning_rate"]
    assert names(PLAIN, PLAIN.replaced(seed=9)) == []


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ({"epsilon_place": "before"}, {"optimizer": "sgd"}, ["optimizer + epsilon_place"]),
        ({"optimizer": "sgd", "momentum": 0.5}, {"beta_2": 0.9}, ["optimizer + momentum + beta_2"]),
        ({"second_bias": True}, {"architecture": "gru", "dropout": 0.0}, ["architecture + second_bias", "dropout"]),
        ({"beta_1": 0.8}, {"momentum_schedule": "one_cycle"}, ["momentum_schedule + beta_1"]),
        ({"beta_2": 0.9}, {"beta_2": 0.99, "optimizer": "adamw"}, ["optimizer", "beta_2"]),
        # SGD has none of Adam's fields, whatever they say.
        ({"optimizer": "sgd", "beta_2": 0.5}, {"optimizer": "sgd", "epsilon": 1e-3, "layers": 2}, ["layers"]),
    ],
)
def test_a_field_without_a_meaning_at_one_end_goes_with_what_takes_it_away(
    first: dict[str, object], second: dict[str, object], expected: list[str]
) -> None:
    one, other = PLAIN.replaced(**first), PLAIN.replaced(**second)
    assert names(one, other) == expected
    assert names(other, one) == expected


def test_what_is_refused_without_another_is_changed_with_it() -> None:
    other = PLAIN.replaced(vectors="random", embedding_size=20, pooling="max")
    assert names(PLAIN, other) == ["vectors + embedding_size", "pooling"]
    assert names(other, PLAIN) == ["vectors + embedding_size", "pooling"]
    # Every coalition of these can be made.
    players = players_of(PLAIN, other)
    for chosen in subsets(len(players)):
        changed(PLAIN, other, [name for place in chosen for name in players[place].fields])
    padded = PLAIN.replaced(max_length=9_000, padding="right"), PLAIN.replaced(max_length=20_000, padding="masked")
    assert names(*padded) == ["max_length + padding"]


def test_together_is_what_is_asked_for() -> None:
    other = PLAIN.replaced(optimizer="sgd", learning_rate=0.1, pooling="last")
    assert names(PLAIN, other) == ["pooling", "optimizer", "learning_rate"]
    assert names(PLAIN, other, ["learning_rate", "optimizer", "dropout"]) == ["pooling", "optimizer + learning_rate"]
    with pytest.raises(LockstepError, match="--together: unknown field 'rate'"):
        names(PLAIN, other, ["rate"])
    with pytest.raises(LockstepError, match="of these only optimizer differs"):
        names(PLAIN, other, ["optimizer", "dropout"])
    with pytest.raises(LockstepError, match="of these none differs"):
        names(PLAIN, other, ["dropout", "layers"])


fields = st.fixed_dictionaries(
    {
        "architecture": st.sampled_from(ARCHITECTURES),
        "second_bias": st.booleans(),
        "optimizer": st.sampled_from(["adam", "adamw", "sgd"]),
        "momentum": st.sampled_from([0.0, 0.9]),
        "momentum_schedule": st.sampled_from(["constant", "one_cycle"]),
        "beta_1": st.sampled_from([0.9, 0.8]),
        "epsilon_place": st.sampled_from(["before", "after"]),
        "vectors": st.sampled_from(["glove", "random"]),
        "embedding_size": st.sampled_from([50, 20]),
    }
).filter(lambda found: found["vectors"] != "glove" or found["embedding_size"] == 50)


@settings(deadline=None, max_examples=60)
@given(fields, fields)
def test_every_way_begins_and_ends_where_it_should(first: dict[str, object], second: dict[str, object]) -> None:
    one = PLAIN.replaced(**first).without_idle_fields()
    other = PLAIN.replaced(**second).without_idle_fields()
    players = players_of(one, other)
    assert sorted(name for player in players for name in player.fields) == sorted(differing_fields(one, other))
    for chosen in subsets(len(players)):
        made = changed(one, other, [name for place in chosen for name in players[place].fields])
        assert made.idle_fields().keys() & set(differing_fields(made, PLAIN)) == set()
    assert changed(one, other, []) == one
    assert changed(one, other, differing_fields(one, other)) == other


# What trainings say.


def record_of(setting: Setting, accuracy: float, fingerprint: str = "same") -> Record:
    test = {"accuracy": accuracy, "log_loss": 1 - accuracy}
    return Record(
        framework=setting.framework,
        framework_version="1",
        architecture=setting.specification.architecture,
        recipe=setting.specification.recipe,
        seed=setting.specification.seed,
        specification=setting.specification.model_dump(),
        data=Data(source="own", fingerprint=fingerprint, sizes={"train": 80, "validation": 9, "test": 20}, empty=0),
        parameters=Parameters(total=1, trainable=1),
        metrics={"validation": {}, "test": test},
        seconds=Seconds(setup=1, training=2, prediction=1),
        reviews_per_second={"training": 1, "prediction": 1},
        peak_memory_mb=1,
        device="cpu",
        threads=1,
        machine=Machine(system="", processor="", cores=1, memory_gb=1, python=""),
        commit="abc",
    )


def accuracy_of(setting: Setting) -> float:
    """A made-up world: pooling and learning rate help each other, own code and frameworks add, seeds are noise."""
    fields, noise = setting.specification, np.random.default_rng(setting.specification.seed)
    value = 0.5 + 0.02 * noise.random()
    value += {"keras": 0.05, "pytorch": 0.04}[setting.framework]
    value += 0.1 * (fields.pooling == "max") + 0.05 * (fields.learning_rate == 0.1)
    value += 0.08 * (fields.pooling == "max" and fields.learning_rate == 0.1)
    value -= 0.03 * (fields.optimizer == "sgd") + 0.01 * fields.layers
    value += 0.001 * noise.random() * (fields.dropout == 0)
    return value + 0.007 * (fields.recipe == "idiomatic")


def end(framework: str, native: bool = False, **values: object) -> End:
    return End(framework, framework.title(), framework, PLAIN.replaced(**values), native)


def answer(
    question: Question, seeds: list[int], pairs: int = 2, accuracy: Callable[[Setting], float] = accuracy_of
) -> Explained:
    records = {one: record_of(one, accuracy(one)) for one in question.settings(seeds, pairs)}
    assert complete_seeds(question, seeds, pairs, records) == seeds
    return explained(question, seeds, pairs, records, Path("runs"))


SECOND = {"pooling": "max", "learning_rate": 0.1, "dropout": 0.0}
MANY = {**SECOND, "optimizer": "sgd", "layers": 2, "gradient_clipping": 0.0}


@pytest.mark.parametrize("values", [SECOND, MANY], ids=["exact", "drawn"])
@pytest.mark.parametrize("seeds", [[0], [0, 1, 2]])
def test_the_parts_add_up_to_the_whole(values: dict[str, object], seeds: list[int]) -> None:
    question = asked(end("keras", native=False), end("pytorch", **values))
    found = answer(question, seeds)
    assert found.exact == (values is SECOND)
    for name in ("accuracy", "log_loss"):
        total = sum(getattr(part, name).mean for part in found.parts)
        difference = getattr(found, f"{name}_difference").mean
        assert total == pytest.approx(difference, abs=ROUNDING)
        first, second = getattr(found.first, name).mean, getattr(found.second, name).mean
        assert first + total == pytest.approx(second, abs=ROUNDING)
    assert [part.kind for part in found.parts] == ["field"] * len(values) + ["framework"]
    assert found.parts[-1].accuracy.mean == pytest.approx(-0.01, abs=ROUNDING)
    sizes = [abs(part.accuracy.mean) for part in found.parts[:-1]]
    assert sizes == sorted(sizes, reverse=True)
    assert found.seeds == seeds


def test_what_each_part_is_worth_is_what_was_put_in() -> None:
    found = answer(asked(end("keras"), end("keras", **SECOND)), [0, 1])
    worth = {part.name: part for part in found.parts}
    # The 8 points that the two have together are halved between them.
    assert worth["pooling"].accuracy.mean == pytest.approx(0.14, abs=ROUNDING)
    assert worth["learning_rate"].accuracy.mean == pytest.approx(0.09, abs=ROUNDING)
    early, late = worth["pooling"].early, worth["pooling"].late
    assert early == pytest.approx(0.10, abs=ROUNDING)
    assert late == pytest.approx(0.18, abs=ROUNDING)
    noise = [0.001 * np.random.default_rng(seed).random(2)[1] for seed in (0, 1)]
    half = t.ppf(0.975, 1) * np.std(noise, ddof=1) / np.sqrt(2)
    dropout = worth["dropout"].accuracy
    assert (dropout.mean, dropout.high) == pytest.approx((np.mean(noise), np.mean(noise) + half), abs=ROUNDING)
    assert [(field.name, field.first, field.second) for field in worth["pooling"].fields] == [
        ("pooling", "concat", "max")
    ]
    expected = 2 * 0.08 / (2 * 0.14 + 2 * 0.09 + 2 * np.mean(noise))
    assert found.interaction_share == pytest.approx(expected, abs=1e-9)
    assert {cell.place.split("/")[0] for cell in found.cells} != {""}
    assert len(found.cells) == 2 * 8
    assert {tuple(cell.changed) for cell in found.cells} >= {(), ("pooling", "dropout", "learning_rate")}


def test_own_code_and_another_framework_are_lines_of_their_own() -> None:
    first, second = end("keras", native=True), end("pytorch", native=True, pooling="max")
    found = answer(asked(first, second), [0, 1])
    assert [(part.kind, round(part.accuracy.mean, 9)) for part in found.parts] == [
        ("own code", -0.007),
        ("field", 0.1),
        ("framework", -0.01),
        ("own code", 0.007),
    ]
    assert [cell.recipe for cell in found.cells].count("idiomatic") == 4
    assert found.first.native
    total = sum(part.accuracy.mean for part in found.parts)
    assert total == pytest.approx(found.accuracy_difference.mean, abs=ROUNDING)


def test_equal_fields_in_two_frameworks_leave_the_framework_alone() -> None:
    found = answer(asked(end("keras"), end("pytorch")), [0, 1, 2])
    assert [part.kind for part in found.parts] == ["framework"]
    assert found.interaction_share == 0
    with pytest.raises(LockstepError, match="Keras and Keras are the same training: there is nothing to explain"):
        asked(end("keras"), end("keras", seed=3))


def test_one_seed_has_the_interval_of_its_orders() -> None:
    def three_together(setting: Setting) -> float:
        fields = setting.specification
        return 0.5 + 0.3 * (fields.pooling == "max" and fields.layers == 2 and fields.optimizer == "sgd")

    found = answer(asked(end("keras"), end("keras", **MANY)), [0], 4, three_together)
    pooling = next(part for part in found.parts if part.name == "pooling")
    assert pooling.accuracy.low is not None
    assert pooling.accuracy.low < pooling.accuracy.mean < pooling.accuracy.high  # type: ignore[operator]
    assert found.accuracy_difference.low is None
    assert "one seed says nothing of other seeds" in " ".join(explanation_table(found).notes)


def test_seeds_with_a_failed_training_are_left_out_and_other_reviews_are_refused() -> None:
    question = asked(end("keras"), end("keras", **SECOND))
    records: dict[Setting, Record | None] = {
        one: record_of(one, accuracy_of(one)) for one in question.settings([0, 1], 1)
    }
    failed = question.setting(frozenset({1}), 1)
    records[failed] = None
    assert complete_seeds(question, [0, 1], 1, records) == [0]
    records[failed] = record_of(failed, 0.5, "other")
    with pytest.raises(LockstepError, match="fingerprints differ"):
        explained(question, [0, 1], 1, records, Path("runs"))


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"reviews": 500}, "reviews differs (None and 500)"),
        ({"split_seed": 3}, "split-seed differs (0 and 3)"),
        ({"data": "other.csv"}, "data differs ('packaged' and 'other.csv')"),
    ],
)
def test_other_data_is_refused_by_name(values: dict[str, object], named: str) -> None:
    with pytest.raises(LockstepError) as error:
        asked(end("keras"), end("keras", **values))
    assert str(error.value).startswith(named)
    assert "give both the same data" in str(error.value)
    assert asked(end("keras"), end("keras", max_length=20)).players[0].name == "max_length", "text may differ"


# How it is shown.


def test_the_sentence_says_what_most_of_it_comes_from() -> None:
    found = answer(asked(end("keras", layers=2, optimizer="sgd"), end("pytorch", **SECOND)), [0])
    said = sentences(found)
    assert said.startswith("Of the 26.0 points by which Pytorch is above Keras, 14.0 come from pooling, 9.0 from ")
    assert "learning_rate" in said
    assert said.endswith("Against it: PyTorch instead of Keras, same fields (1.0). One seed says nothing of others.")
    equal = sentences(answer(asked(end("keras"), end("keras", head="sigmoid")), [0]))
    assert equal.startswith("Keras and Keras are equally accurate")


def test_the_sentence_says_what_of_it_is_more_than_chance() -> None:
    """Of the project's own figures, whose difference has an interval that holds zero."""
    found = read_explained(ROOT / "results" / "explain.json")
    assert found.accuracy_difference.low < 0 < found.accuracy_difference.high
    sure = [part.name for part in found.parts if part.accuracy.low > 0 or part.accuracy.high < 0]
    assert sure
    doubt = f"With these seeds the difference itself may be chance. More than chance: {', '.join(sure)}."
    assert sentences(found).endswith(doubt)


def test_the_waterfall_goes_from_one_end_to_the_other() -> None:
    found = answer(asked(end("keras"), end("pytorch", **MANY)), [0, 1])
    table = waterfall_table(found)
    assert [row.cells[0].text for row in table.rows] == ["Keras", *(part.name for part in found.parts), "Pytorch"]
    accuracies = [row.cells[2].value for row in table.rows]
    assert accuracies[-2] == pytest.approx(accuracies[-1], abs=ROUNDING)
    assert accuracies[-1] == pytest.approx(found.second.accuracy.mean, abs=ROUNDING)
    for row in table.rows[1:-1]:
        drawn, worth = row.cells[1].text, row.cells[3].value
        assert isinstance(worth, float)
        assert set(drawn.strip()) in ({"│"}, {"█"} if worth > 0 else {"▒"})
    svg = waterfall_figure(found)
    assert svg.startswith("<svg")
    assert svg == waterfall_figure(found), "the same picture has the same bytes"
    for part in found.parts:
        assert part.name in svg


# How much is trained.


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("30m", 1800), ("2h", 7200), ("1h30m", 5400), ("1.5h", 5400), ("0.5s", 0.5)]
)
def test_a_budget_is_a_time(text: str, seconds: float) -> None:
    assert duration(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "30", "m", "-5m", "0s", "1d", "30 m", "5m!", "nan", "1e9h", "٣m", "9" * 400 + "h"]
)
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="is no time; write 90s"):
        duration(text)


def test_a_budget_takes_as_many_seeds_and_orders_as_fit(tmp_path: Path) -> None:
    question = asked(end("keras"), end("keras", **MANY))
    seeds, seconds = [0, 1, 2], {"keras": 10.0}

    def plan(budget: float | None, jobs: int = 1) -> tuple[list[int], int]:
        found = planned(question, seeds, tmp_path, seconds, jobs, budget)
        return found.seeds, found.pairs

    def takes(count: int, pairs: int) -> float:
        return estimated(question.settings(seeds[:count], pairs), tmp_path, seconds, 1).seconds

    assert plan(None) == (seeds, 4)
    assert plan(takes(3, 1)) == (seeds, 1)
    assert plan(takes(3, 1) - 1) == ([0, 1], 1)
    assert plan(takes(1, 1)) == ([0], 1)
    assert plan(takes(3, 7) + 1) == (seeds, 7)
    assert plan(1e9) == (seeds, budgets.MOST_PAIRS)
    assert plan(takes(3, 7) / 2 + 1, jobs=2) == (seeds, 7)
    with pytest.raises(LockstepError, match=r"--budget: the smallest answer, of one seed, takes about .* more"):
        plan(takes(1, 1) - 1)
    exact = asked(end("keras"), end("keras", **SECOND))
    assert planned(exact, seeds, tmp_path, seconds, 1, 161).seeds == [0, 1], "8 trainings a seed, of 10 seconds"


def test_the_same_command_goes_on_with_the_same_plan(tmp_path: Path) -> None:
    question = asked(end("keras"), end("keras", **MANY))
    key = key_of(question, [0, 1], 60.0)
    assert kept_plan(tmp_path, key) is None
    plan = planned(question, [0, 1], tmp_path, {"keras": 1.0}, 1, 60.0).model_copy(update={"key": key})
    save_plan(tmp_path, plan)
    assert kept_plan(tmp_path, key) == plan
    assert kept_plan(tmp_path, key_of(question, [0, 1], 61.0)) is None
    assert kept_plan(tmp_path, key_of(question, [0], 60.0)) is None
    save_plan(tmp_path, plan.model_copy(update={"pairs": 2}))
    (tmp_path / "plan.json").write_text((tmp_path / "plan.json").read_text().replace('"pairs": 2', '"pairs": 3'))
    with pytest.raises(LockstepError, match=r"plan\.json: was changed or damaged.*; remove it"):
        kept_plan(tmp_path, key)


# What stands at the ends.


def test_recipes_say_what_the_documentation_writes() -> None:
    keras, lockstep = read_ends("keras", "lockstep", {})
    assert (keras.framework, lockstep.framework) == ("keras", "keras"), "which has no framework of its own"
    assert (keras.specification.learning_rate, keras.specification.pooling) == (1e-3, "last")
    assert lockstep.specification == specification_of({})
    gru, bilstm = read_ends("pytorch:gru", "flair:bilstm", {"architecture": "lstm", "epochs": 3})
    assert (gru.specification.architecture, bilstm.specification.architecture) == ("gru", "bilstm")
    assert (bilstm.specification.pooling, bilstm.specification.epochs) == ("ends", 3)
    held = read_ends("keras", "flair", {"learning_rate": 0.5})
    assert [found.specification.learning_rate for found in held] == [0.5, 0.5], "what is given holds at both ends"
    own = read_ends("keras", "lockstep", {"recipe": "idiomatic"})
    assert [(found.native, found.specification.recipe) for found in own] == [(True, "lockstep"), (False, "lockstep")]
    with pytest.raises(LockstepError, match="keras's own code cannot be told initialisation 'pytorch'"):
        read_ends("keras", "flair", {"recipe": "idiomatic", "initialisation": "pytorch"})


def test_files_of_settings(tmp_path: Path) -> None:
    toml, other = tmp_path / "mine.toml", tmp_path / "mine.json"
    toml.write_text('framework = "flair"\nlearning-rate = 0.25\npooling = "max"\n')
    other.write_text('{"epochs": 4}')
    first, second = read_ends(str(toml), str(other), {"hidden_size": 5})
    assert (first.framework, second.framework) == ("flair", "flair")
    assert (first.specification.learning_rate, first.specification.pooling) == (0.25, "max")
    assert (second.specification.epochs, second.specification.minimum_steps) == (4, 0)
    assert {found.specification.hidden_size for found in (first, second)} == {5}


def test_settings_start_from_a_recipe_and_say_from_which(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    for content, of_keras, said in (
        ("pooling = 'last'", ("adam", 128, "linear"), "as in the lockstep recipe; like ="),
        ("like = 'keras'", ("adam", 32, "constant"), "as the documentation of Keras writes it"),
        ("framework = 'keras'\nrecipe = 'idiomatic'", ("adam", 32, "constant"), "the documentation of Keras"),
    ):
        path.write_text(content)
        found, _ = read_ends(str(path), "keras", {})
        specification = found.specification
        assert (specification.optimizer, specification.batch_size, specification.schedule) == of_keras
        assert said in " ".join(found.notes)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.toml", "learning_rate = = 1", "not a file of settings, or damaged"),
        ("a.toml", "rate = 1", "unknown field 'rate'"),
        ("a.toml", "[training]\nlearning_rate = 1", "unknown field 'training'"),
        ("a.toml", "learning_rate = -1", "learning-rate: "),
        ("a.toml", 'learning_rate = "fast"', "learning-rate: "),
        ("a.toml", 'framework = "torch"', "unknown framework 'torch'"),
        ("a.toml", "framework = [1]", "unknown framework [1]"),
        ("a.toml", 'like = "torch"', "unknown like 'torch'"),
        ("a.toml", 'preset = "smoke"', "unknown field 'preset'"),
        ("a.toml", "momentum = 0.5", "momentum would change nothing here"),
        ("a.toml", 'optimizer = "sgd"\nepsilon = 0.5', "epsilon would change nothing here"),
        ("a.json", "[1]", "is no list of names and values"),
        ("a.json", "{", "not a file of settings, or damaged"),
        ("a.json", "[" * 100_000, "not a file of settings, or damaged"),
        ("a.json", "\x00", "not a file of settings, or damaged"),
        ("a.toml", "\udcff", "not a file of settings, or damaged"),
        ("a.txt", "x", "is neither a recipe (keras, "),
        ("record.json", "{}", "not a record, or damaged"),
    ],
)
def test_bad_settings_are_one_line(tmp_path: Path, name: str, content: str, said: str) -> None:
    path = tmp_path / name
    path.write_text(content, errors="surrogateescape")
    with pytest.raises(LockstepError) as error:
        read_ends(str(path), "keras", {})
    assert str(path) in str(error.value)
    assert said in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", ["nowhere", "nowhere/a.toml", "", ".", "kears", "keras:transformer", "x" * 5_000])
def test_what_is_not_there_is_one_line(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(LockstepError) as error:
        read_ends(name, "keras", {})
    assert "\n" not in str(error.value)


# The whole command.

TINY = (
    *("--vectors", "random", "--embedding-size", 4, "--hidden-size", 3, "--max-length", 8, "--minimum-count", 1),
    *("--batch-size", 16, "--epochs", 1, "--batch-parts", 1),
)


@pytest.fixture(scope="module")
def explanation(command: Command, tmp_path_factory: pytest.TempPathFactory) -> tuple[tuple[object, ...], Path]:
    """From PyTorch to the reference with two other fields: five trainings."""
    folder = tmp_path_factory.mktemp("explained")
    texts = write_texts(folder / "texts.csv", {"bad": 60, "good": 60})
    (folder / "a.toml").write_text('framework = "pytorch"\nlearning_rate = 0.01\n')
    (folder / "b.json").write_text('{"framework": "reference", "learning_rate": 0.03, "pooling": "last"}')
    ends = (folder / "a.toml", folder / "b.json")
    flags = ("compare", "explain", *ends, "--data", texts, *TINY, "--seeds", 0, "--threads", 1)
    call = (*flags, "--out", folder / "out", "--runs", folder / "runs")
    done = command(*call)
    assert done.returncode == 0, done.stderr
    assert "2 changes in all orders, 1 of 1 seeds: 5 trainings, 3 of them finished; about" in done.stderr
    assert "NumPy reference instead of PyTorch, same fields" in done.stdout
    return call, folder


def test_the_command_writes_what_adds_up(explanation: tuple[tuple[object, ...], Path]) -> None:
    _, folder = explanation
    found = read_explained(folder / "out" / "explain.json")
    assert {part.name for part in found.parts[:2]} == {"pooling", "learning_rate"}
    total = sum(part.accuracy.mean for part in found.parts)
    assert found.first.accuracy.mean + total == pytest.approx(found.second.accuracy.mean, abs=ROUNDING)
    assert found.parts[2].log_loss.mean == pytest.approx(0, abs=1e-5), "the same fields give the same in both"
    assert len(found.cells) == 5
    for cell in found.cells:
        made = json.loads((folder / "runs" / cell.place / "record.json").read_text())
        assert made["metrics"]["test"]["accuracy"] == cell.accuracy
        assert (made["framework"], made["framework_version"]) == (cell.framework, cell.framework_version)
    page = (folder / "out" / "explain.md").read_text()
    assert sentences(found)[:20] in page
    assert "(explain.svg)" in page
    assert waterfall_figure(found) in (folder / "out" / "explain.svg").read_text()


def test_a_second_call_trains_nothing(command: Command, explanation: tuple[tuple[object, ...], Path]) -> None:
    call, folder = explanation
    before = {path: path.stat().st_mtime_ns for path in (folder / "runs").rglob("record.json")}
    assert before
    content = (folder / "out" / "explain.json").read_text()
    done = command(*call)
    assert done.returncode == 0, done.stderr
    assert "5 trainings, 5 of them finished; about 0 seconds" in done.stderr
    assert "done in" not in done.stderr
    assert {path: path.stat().st_mtime_ns for path in (folder / "runs").rglob("record.json")} == before
    assert (folder / "out" / "explain.json").read_text() == content


def test_two_runs_are_explained_too_and_flags_are_refused_beside_them(
    command: Command, explanation: tuple[tuple[object, ...], Path]
) -> None:
    _, folder = explanation
    found = read_explained(folder / "out" / "explain.json")
    first, last = (
        folder / "runs" / next(cell.place for cell in found.cells if cell.changed == chosen)
        for chosen in ([], ["pooling", "learning_rate"])
    )
    shared = ("--seeds", 0, "--threads", 1, "--out", folder / "out", "--runs", folder / "runs")
    done = command("compare", "explain", first, last, *shared)
    assert done.returncode == 0, done.stderr
    assert "done in" not in done.stderr, "their trainings are those of the files of settings"
    assert "PyTorch LSTM" in done.stdout
    done = command("compare", "explain", first, last, "--layers", 2, *shared)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "error: --layers: two runs say everything themselves; leave it out\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("keras", "keras"), "are the same training: there is nothing to explain"),
        (("keras", "nowhere"), "nowhere: is neither a recipe"),
        (("keras", "flair", "--budget", "soon"), "'soon' is no time"),
        (("keras", "flair", "--seeds", "1", "1"), "--seeds: 1 stands twice"),
        (("keras", "flair", "--together", "colour"), "--together: unknown field 'colour'"),
    ],
)
def test_bad_questions_are_one_line_and_leave_nothing(
    command: Command, tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    done = command("compare", "explain", *arguments, "--out", tmp_path / "out", "--runs", tmp_path / "runs")
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert said in done.stderr
    assert list(tmp_path.iterdir()) == []

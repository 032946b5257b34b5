"""Tables: what each format makes of any text, what the tables of a report say, and the commands that show them."""

from __future__ import annotations

import csv
import io
import itertools
import json
import re
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest
from bs4 import BeautifulSoup
from hypothesis import example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from compare.__main__ import main as lockstep
from compare.formats import Portability
from compare.names import NO_FRAMEWORK
from compare.published import TABLES, filled, marks_of
from compare.report.form import Interval, Pair, Statistics
from compare.report.reading import read_statistics, statistics_of
from compare.report.tables import accuracy_table, tables_of, tables_of_both
from compare.report.verdict import portability_holds
from compare.tables import (
    LATEX,
    WRITERS,
    Cell,
    Column,
    Row,
    Table,
    as_csv,
    as_html,
    as_json,
    as_latex,
    as_markdown,
    as_text,
    escaped,
    written_out,
)
from shared.errors import LockstepError
from shared.files import save_page
from shared.terminal import printable
from tests.conftest import ROOT, Command
from tests.statistics_samples import sample_cell, sample_pair, sample_run, sample_side_by_side, sample_statistics
from tests.synthetic import write_experiment
from tests.test_compare import LESSON_LINKS

HOSTILE = (
    "|../../etc <script>alert(1)</script> [x](javascript:alert(2)) `code` *b* "
    "\x1b[31m\u202e\r=1+1 \\ $x$ & #_{^~% \"'\n|---|"
)
GFM = MarkdownIt("commonmark").enable("table")
# What means something to one of the formats is drawn more often than chance would.
TEXTS = st.text(
    st.one_of(
        st.sampled_from("|<>&*_`\\[](){}#~$%^\"'=+-@!\n\r\t\x1b\u202e –↑×é片"), st.characters(exclude_categories=["Cs"])
    )
)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False, width=32)


def shown(text: str) -> str:
    """A text as every format shows it: on one line, without what a terminal acts on."""
    return printable(" ".join(text.split("\n")))


@st.composite
def tables(draw: st.DrawFn) -> Table:
    """Any table: hostile texts wherever a text may stand."""
    kinds = draw(st.lists(st.sampled_from(["text", "number"]), min_size=1, max_size=4))
    columns = [
        Column(
            f"{place}{draw(TEXTS)}",
            draw(TEXTS),
            kind,
            better=draw(st.sampled_from([None, "higher", "lower"])) if kind == "number" else None,
            unit=draw(st.sampled_from(["", "%", "s"])),
        )
        for place, kind in enumerate(kinds)
    ]
    rows = [
        Row([draw(cells(column)) for column in columns], {"framework": draw(TEXTS)})
        for _ in range(draw(st.integers(1, 3)))
    ]
    return Table("any table", draw(TEXTS), columns, rows, draw(st.lists(TEXTS, max_size=2)))


@st.composite
def cells(draw: st.DrawFn, column: Column) -> Cell:
    if column.kind == "number":
        value, low, high = draw(NUMBERS), draw(NUMBERS), draw(NUMBERS)
        return column.cell(*draw(st.sampled_from([(value, None, None), (value, low, high), (None, None, None)])))
    style, link = (
        draw(st.sampled_from(["", "code", "emphasis"])),
        draw(st.sampled_from(["", "https://example.org/a_b"])),
    )
    return Cell(draw(TEXTS), note=draw(TEXTS), link=link, style=style)


# --- Every format ---


def markdown_rows(text: str) -> list[list[str]]:
    """The cells of the tables in a text in Markdown, as a reader of GitHub's Markdown sees them."""
    rows: list[list[str]] = []
    tokens = GFM.parse(text)
    for before, token in itertools.pairwise(tokens):
        if before.type == "tr_open":
            rows.append([])
        if before.type in ("th_open", "td_open"):
            rows[-1].append(plain(token))
    return rows


def plain(token: Token) -> str:
    """The text of a cell; anything but text, code, emphasis and a link would be a mark that came out of a text."""
    found = ""
    for child in token.children or ():
        assert child.type in (
            "text",
            "code_inline",
            "em_open",
            "em_close",
            "link_open",
            "link_close",
            "text_special",
        ), child
        assert child.type != "link_open" or child.attrs == {"href": "https://example.org/a_b"}
        found += child.content
    return found


def squeezed(text: str) -> str:
    """Markdown and HTML show several spaces as one, and none at the ends."""
    return " ".join(text.split(" ")).strip() if "  " not in text else re.sub(" +", " ", text).strip()


@settings(deadline=None)
@given(tables())
def test_markdown_is_read_back_as_it_was(table: Table) -> None:
    rows = markdown_rows(as_markdown(table, caption=False))
    assert {len(row) for row in rows} == {len(table.columns)}
    for row, found in zip(table.rows, rows[1:], strict=True):
        assert [squeezed(text) for text in found] == [squeezed(cell.whole) for cell in row.cells]


@pytest.mark.parametrize("text", ["\n", "a\n", "\nb", " ", "a b"])
@pytest.mark.parametrize("style", ["", "code", "emphasis"])
def test_space_at_the_edges_of_a_cell_ends_no_mark(text: str, style: str) -> None:
    table = Table("edges", "", [Column("a", "a", "text")], [Row([Cell(text, style=style)])])  # type: ignore[arg-type]
    assert [squeezed(found) for found in markdown_rows(as_markdown(table, caption=False))[1]] == [text.strip()]


@pytest.mark.parametrize("text", ["__0__", "(__a__)", "___b_", "a_b", "_", "a__b", "x _y_ z", "_1_2_"])
def test_underscores_in_markdown_stay_underscores(text: str) -> None:
    table = Table("any table", "", [Column("0", "", "text")], [Row([Cell(text, note=text)])])
    assert markdown_rows(as_markdown(table, caption=False))[1] == [f"{text} ({text})"]


@settings(deadline=None)
@given(tables())
def test_pages_have_the_same_text_and_no_other_elements(table: Table) -> None:
    page = BeautifulSoup(str(as_html(table)), "html.parser")
    allowed = {"table", "caption", "thead", "tbody", "tr", "th", "td", "span", "small", "code", "em", "a"}
    assert {tag.name for tag in page.find_all()} <= allowed
    assert page.caption is not None
    assert page.caption.text == shown(table.caption)
    body = page.tbody
    assert body is not None
    for row, found in zip(table.rows, body.find_all("tr"), strict=True):
        places = found.find_all(["th", "td"])
        assert [place.text for place in places] == [shown_with_note(cell) for cell in row.cells]
        assert [place["data-label"] for place in places] == [column.heading for column in table.columns]
        assert found["data-framework"] == shown(row.attributes["framework"])
        assert places[0].name == "th"
        assert places[0]["scope"] == "row"
        for column, cell, place in zip(table.columns, row.cells, places, strict=True):
            if column.kind == "number":
                assert place["data-value"] == ("" if cell.value is None else repr(cell.value))


def shown_with_note(cell: Cell) -> str:
    return shown(cell.text) + (f" ({shown(cell.note)})" if cell.note else "")


@settings(deadline=None)
@given(tables())
@example(Table("t", "", [Column("a", "a", "text")], [Row([Cell('=HYPERLINK("x")')]), Row([Cell("-1+1|cmd")])]))
def test_csv_is_read_back_and_holds_no_formula(table: Table) -> None:
    head, *rows = csv.reader(io.StringIO(as_csv(table)))
    assert {len(row) for row in rows} == {len(head)}
    assert len(set(head)) == len(head)
    places = {name.split("_")[0].split(" (")[0]: place for place, name in reversed(list(enumerate(head)))}
    for text in (*head, *(value for row in rows for value in row)):
        number = re.fullmatch(r"-?[\d.]+(e[+-]?\d+)?", text)
        assert number or not text.startswith(("=", "+", "-", "@", "\t", "\r")), text
    for row, found in zip(table.rows, rows, strict=True):
        assert found[0].removeprefix("'") == csv_text(table.columns[0], row.cells[0]).removeprefix("'")
    assert places


def csv_text(column: Column, cell: Cell) -> str:
    if column.kind == "text":
        return shown(cell.text)
    return "" if cell.value is None else repr(cell.value)


@settings(deadline=None)
@given(tables())
def test_json_has_values_in_full_precision(table: Table) -> None:
    found = json.loads(as_json(table))
    for row, record in zip(table.rows, found["rows"], strict=True):
        for column, cell in zip(table.columns, row.cells, strict=True):
            value = shown(cell.text) if column.kind == "text" else cell.value
            assert record[shown(column.name)] == value
    assert found["caption"] == shown(table.caption)


LETTERS = {written: letter for letter, written in LATEX.items()}
TOKENS = re.compile("|".join(map(re.escape, sorted(LETTERS, key=len, reverse=True))) + r"|-\{\}|.", re.DOTALL)


def read_latex(text: str) -> str:
    """Read back what the writer makes of a text; a sign that LaTeX acts on may stand in its escape only."""
    found = ""
    for token in TOKENS.findall(text):
        if token in LETTERS:
            found += LETTERS[token]
        elif token == "-{}":
            found += "-"
        else:
            assert token not in '\\{}$&#%_^~<>|`"[]*', token
            found += token
    return found


@settings(deadline=None)
@given(tables())
def test_latex_is_read_back_and_has_nothing_unescaped(table: Table) -> None:
    lines = as_latex(table).split("\n")
    rows = lines[lines.index("\\midrule") + 1 : lines.index("\\bottomrule")]
    assert len(rows) == len(table.rows)
    for row, line in zip(table.rows, rows, strict=True):
        assert line.endswith(" \\\\")
        places = re.split(r"(?<!\\) & ", " " + line.removesuffix(" \\\\"))
        bare = [re.sub(r"\\(texttt|emph)\{(.*?)\}( \(|$)", r"\2\3", strip_link(place)) for place in places]
        whole = [cell for cell in row.cells if not cell.style]
        assert len(places) == len(row.cells)
        read = [read_latex(text) for text, cell in zip(bare, row.cells, strict=True) if not cell.style]
        assert [text.strip() for text in read] == [shown_with_note(cell).strip() for cell in whole]
    assert "--" not in "".join(rows)


def strip_link(text: str) -> str:
    start = "\\href{https://example.org/a_b}{"
    if start not in text:
        return text
    # The brace that closes the link is the last one before the note.
    before, _, after = text.partition(start)
    depth, place = 1, 0
    while depth:
        step = 2 if after[place] == "\\" else 1
        if step == 1:
            depth += {"{": 1, "}": -1}.get(after[place], 0)
        place += step
    return before + after[: place - 1] + after[place:]


@settings(deadline=None)
@given(tables(), st.integers(20, 200))
def test_a_terminal_shows_everything_and_acts_on_nothing(table: Table, width: int) -> None:
    text = as_text(table, width)
    assert all(letter == "\n" or letter.isprintable() for letter in text)
    whole = re.sub(r"\s", "", as_text(table))
    for row in table.rows:
        for cell in row.cells:
            assert re.sub(r"\s", "", cell.whole) in whole


def test_a_wide_table_is_not_cut_off_in_80_columns() -> None:
    table = tables_of(sample_statistics())["headline"]
    narrow = as_text(table, 80)
    assert max(map(len, narrow.splitlines())) <= 80
    for row in table.rows:
        for cell in row.cells:
            assert cell.whole in narrow, "in one piece"
    parts = narrow.count("Model")
    assert narrow.count("Keras LSTM  ") == parts > 1, "every part says whose its rows are"
    assert as_text(table).count("Model") == 1


def test_every_format_escapes_a_hostile_name() -> None:
    table = Table("names", HOSTILE, [Column("name", HOSTILE, "text")], [Row([Cell(HOSTILE)])], [HOSTILE])
    for form in WRITERS:
        written = written_out([table], form)
        assert "\x1b" not in written, form
        assert "\u202e" not in written, form
    assert len(markdown_rows(as_markdown(table))) == 2
    assert "<script" not in as_html(table)
    assert not re.search(r"(?<!\\)\]\(javascript", as_markdown(table))


@pytest.mark.parametrize(
    "link", ["javascript:alert(1)", 'https://a.org/"onload=x', "https://a.org/)|x", "//a.org", " https://a.org"]
)
def test_an_address_that_is_none_is_dropped(link: str) -> None:
    table = Table("t", "", [Column("a", "a", "text")], [Row([Cell("name", link=link)])])
    assert all(link not in written_out([table], form) for form in WRITERS)


def test_digits_intervals_units_and_directions() -> None:
    share = Column("accuracy", "Accuracy", better="higher", unit="%", scale=100, form=".2f", data_unit="share")
    change = Column("change", "Change", unit="points", scale=100, form="+.2f", data_unit="share")
    rows = [
        Row([Cell("a|b"), share.cell(0.901875, 0.89, 0.91), change.cell(-0.001, -0.002, 0.0, note="small")]),
        Row([Cell("c"), share.cell(None, missing="not measured"), change.cell(0.0, 0.0, 0.0)]),
    ]
    table = Table("t", "Caption", [Column("name", "Name", "text"), share, change], rows, ["A note."])
    assert as_markdown(table) == (
        "**Caption**\n\n| Name | Accuracy, % ↑ | Change, points |\n| --- | --: | --: |\n"
        "| a\\|b | 90.19 (89.00–91.00) | -0.10 (-0.20 to 0.00; small) |\n| c | not measured | 0.00 |\n"
        "\n- A note.\n- ↑ higher is better.\n"
    )
    assert as_csv(table) == (
        "name,accuracy (share),accuracy_low (share),accuracy_high (share),accuracy_remark,"
        "change (share),change_low (share),change_high (share),change_remark\n"
        "a|b,0.901875,0.89,0.91,,-0.001,-0.002,0.0,small\nc,,,,not measured,0.0,0.0,0.0,\n"
    )
    page = as_html(table, cards=True)
    assert 'class="sortable cards"' in page
    assert 'data-better="higher" data-first="descending"' in page


def test_a_table_whose_rows_are_not_whole_is_refused() -> None:
    with pytest.raises(ValueError, match="not as many cells"):
        Table("t", "", [Column("a", "a")], [Row([])])
    with pytest.raises(ValueError, match="one name"):
        Table("t", "", [Column("a", "a"), Column("a", "b")], [])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a|b", r"a\|b"),
        ("<img src=x>", "&lt;img src=x&gt;"),
        ("[/bold] `code` *strong* ~~gone~~ $x$", r"\[/bold\] \`code\` \*strong\* \~\~gone\~\~ \$x\$"),
        ("snake_case _emphasis_", r"snake_case \_emphasis\_"),
        ("R&D &lt; &#60;", r"R&D \&lt; \&#60;"),
        ("two\nlines\x1b[31m\u202e", r"two lines\\x1b\[31m\\u202e"),
        ("html,apostrophes 1e-07 5,751", "html,apostrophes 1e-07 5,751"),
    ],
)
def test_names_in_markdown_are_text(text: str, expected: str) -> None:
    assert escaped(text) == expected


# --- Tables of a report ---


def records(table: Table) -> list[dict[str, object]]:
    return json.loads(as_json(table))["rows"]


def cells_shown(table: Table, title: str) -> list[str]:
    place = [column.title for column in table.columns].index(title)
    return [row.cells[place].whole for row in table.rows]


@pytest.fixture(scope="module")
def sample() -> Statistics:
    return sample_statistics()


def test_the_headline_has_models_baselines_ensembles_and_what_was_published(sample: Statistics) -> None:
    table = tables_of(sample)["headline"]
    names = ["Keras LSTM", "PyTorch LSTM", "PyTorch GRU", "NB-SVM", "Ensemble: networks"]
    published = ["ULMFiT (published: Howard)", "bad link (published: nobody)"]
    assert cells_shown(table, "Model") == [*names, *published]
    assert cells_shown(table, "Accuracy")[0] == "89.00 (88.00–90.00)"
    assert cells_shown(table, "Seeds")[:4] == ["2", "2", "2 (compared on 1: 0)", "1"]
    assert cells_shown(table, "Peak memory")[2] == "1,000"
    assert [row.attributes["framework"] for row in table.rows[:4]] == ["keras", "pytorch", "pytorch", "baseline"]
    directions = {column.title: column.better for column in table.columns}
    assert directions["ROC AUC"] == "higher"
    assert directions["Log loss"] == "lower"
    assert directions["Latency, median"] == directions["Peak memory"] == "lower"
    assert "Keras LSTM and PyTorch LSTM tie: they have exactly the same accuracy." in table.notes
    assert cells_shown(table, "Training")[1] == "11.0 (machine was busy)"
    assert table.rows[5].cells[0].address == "https://example.org/a_b"
    assert table.rows[6].cells[0].address == "", "no address of a web page"


def test_cells_without_common_seeds_and_old_records_are_said_to_be_so() -> None:
    run = sample_run(3, 0.8, 5, latency_ms={}, contended=None)
    alone = sample_cell("keras", "lstm", [run], comparable=False, latency_ms={}, seconds_to={})
    plain_fields = {"pairs": (), "confusions": (), "slices": (), "calibrations": (), "examples": (), "settings": ()}
    found = tables_of(sample_statistics(cells=(alone,), baselines=(), **plain_fields))
    assert cells_shown(found["headline"], "Seeds")[0] == "1 (no seed in common with the others)"
    assert "Latency, median" not in [column.title for column in found["headline"].columns]
    assert cells_shown(found["cost"], "Busy with other programs") == ["not measured"]
    assert cells_shown(found["seeds"], "Seed") == ["3 (not compared)"]
    assert not {"pairs", "slices", "calibration", "time-to", "settings", "out-of-domain"} & set(found)


def test_pairs_say_a_tie_and_what_chance_explains(sample: Statistics) -> None:
    table = tables_of(sample)["pairs"]
    assert cells_shown(table, "Difference of accuracy") == ["0.00 (-0.20 to +0.20; tie)", "-2.00 (-2.20 to -1.80)"]
    assert cells_shown(table, "p, corrected") == ["1", "< 0.001"]
    assert cells_shown(table, "Cohen's kappa") == ["0.980", "–"]
    assert cells_shown(table, "Reviews needed") == ["123,456", "123,456"]
    assert table.rows[0].attributes == {"framework": "keras pytorch", "architecture": "lstm", "group": "framework"}
    assert records(table)[1]["p_holm"] == 0.0001


def test_a_small_difference_is_no_tie() -> None:
    pair: Pair = sample_pair("keras/lstm", "pytorch/lstm", 0.00001)
    found = tables_of(sample_statistics(pairs=(pair,)))["pairs"]
    assert "tie" not in cells_shown(found, "Difference of accuracy")[0]
    assert found.rows[0].cells[2].text == "+0.00"


def test_proofs_show_what_is_not_allowed(sample: Statistics) -> None:
    found = tables_of(sample)
    assert cells_shown(found["parity"], "PyTorch") == ["not a number ✗"]
    assert cells_shown(found["parity"], "Keras") == ["2e-07"]
    assert cells_shown(found["portability-lstm"], "Keras") == ["0", "5e-01 ✗"]
    assert cells_shown(found["portability-gru"], "PyTorch") == ["not a number ✗", "0"]


def test_what_answers_without_a_framework_stands_beside_the_frameworks(sample: Statistics) -> None:
    assert sample.portability
    assert NO_FRAMEWORK not in [column.title for column in tables_of(sample)["portability-lstm"].columns]
    latency = {"p50": 0.5, "p95": 1.0, "p99": 2.0}
    measured = {
        name: {"differences": differences, "reviews_per_second": 5_000.0, "latency_ms": latency}
        for name, differences in (("lstm", [1e-7, 0.5]), ("gru", [None, 0.0]))
    }
    values = {**sample.portability.model_dump(), "without_framework": measured}
    found = sample.model_copy(update={"portability": Portability.model_validate(values)})
    assert found.portability
    assert not portability_holds(found.portability)
    tables = tables_of(found)
    assert cells_shown(tables["portability-lstm"], NO_FRAMEWORK) == ["1e-07", "5e-01 ✗"]
    assert cells_shown(tables["portability-gru"], NO_FRAMEWORK) == ["not a number ✗", "0"]
    cost = tables["cost"]
    assert [row.cells[0].text for row in cost.rows[-2:]] == ["LSTM, no framework", "GRU, no framework"]
    rate = [column.name for column in cost.columns].index("prediction_rate")
    assert cost.rows[-1].cells[rate].text == "5,000"
    assert cells_shown(cost, "Latency, p95")[-1] == "1.00"
    assert cells_shown(cost, "Peak memory")[-1] == "–"
    assert "opened in NumPy alone" in " ".join(cost.sentences)
    with pytest.raises(ValueError, match="are not 2"):
        Portability.model_validate(
            {**values, "without_framework": {**measured, "gru": {**measured["gru"], "differences": []}}}
        )
    with pytest.raises(ValueError, match="its architectures"):
        Portability.model_validate({**values, "without_framework": {"lstm": measured["lstm"]}})


def test_witnesses_that_are_not_alike_have_a_cross(sample: Statistics) -> None:
    found = tables_of(sample)["witnesses"]
    assert cells_shown(found, "like PyTorch") == ["80.00", "0.00 (-0.10 to +0.10)"]
    assert cells_shown(found, "like Flair") == ["80.00", "+5.00 ✗ (+4.90 to +5.10)"]


def test_what_was_explained_adds_up_and_says_if_it_is_of_other_reviews(sample: Statistics) -> None:
    same, other = (tables_of(sample)[name] for name in EXPLAINED)
    assert [row.cells[2].text for row in same.rows] == ["88.0", "82.0", "83.0", "83.0", "83.0"]
    assert [row.cells[3].text for row in same.rows] == ["", "-6.0", "+1.0", "0.0", "-5.0"]
    said = "These trainings read other reviews than the models of this page (another fingerprint)."
    assert [*other.notes] == [said, *same.notes]


def test_settings_have_a_row_for_each_value(sample: Statistics) -> None:
    found = tables_of(sample)
    assert cells_shown(found["settings-differences"], "Value") == ["0.002", "0.001"]
    assert cells_shown(found["settings-differences"], "Models") == ["Keras LSTM", "PyTorch LSTM and GRU"]
    assert cells_shown(found["settings"], "Models")[-1] == "all"
    assert cells_shown(found["settings"], "Default")[-1] == "none"


def test_costs_have_ranges_and_learning_says_what_was_not_reached(sample: Statistics) -> None:
    found = tables_of(sample)
    assert cells_shown(found["cost"], "Training")[0] == "25.0 (20.0–30.0)"
    assert cells_shown(found["cost"], "Peak memory")[0] == "950 (900–1,000)"
    assert cells_shown(found["cost"], "Busy with other programs") == ["no", "seed 1", "no", "no"]
    assert cells_shown(found["time-to"], "To 90%") == ["not reached"] * 3
    assert cells_shown(found["epochs"], "Epoch 2")[0] == "84.00"
    assert cells_shown(found["seeds"], "Seed")[4:6] == ["0", "2 (not compared)"]


def test_calibration_by_hand(sample: Statistics) -> None:
    table = tables_of(sample)["calibration"]
    # 100 predictions of 0.7 and 300 of 0.9; 60 and 270 of them right.
    assert cells_shown(table, "Mean confidence") == ["85.00"]
    assert cells_shown(table, "Right") == ["82.50"]
    assert cells_shown(table, "Too sure by") == ["+2.50"]


def test_every_convention_is_said_beside_its_table(sample: Statistics) -> None:
    notes = {name: " ".join(table.sentences) for name, table in tables_of(sample).items()}
    assert "summed over the classes" in notes["metrics"]
    assert "A rate is the mean of the seeds' rates" in notes["cost"]
    assert "smallest and the largest of the seeds, for memory too" in notes["cost"]
    assert "corrected: Holm's correction for all pairs" in notes["pairs"]
    assert "seeds that all of them have" in notes["headline"]
    for name in ("headline", "metrics", "cost"):
        assert "↑ higher is better, ↓ lower is better." in notes[name]


def test_the_short_table_of_the_documentation(sample: Statistics) -> None:
    lines = as_markdown(accuracy_table(sample), caption=False).splitlines()
    assert lines[:7] == [
        "| Test accuracy | LSTM, % ↑ | GRU, % ↑ | Baseline, % ↑ |",
        "| --- | --: | --: | --: |",
        "| Keras | 89.00 (88.00–90.00) | – |  |",
        "| PyTorch | 89.00 (88.00–90.00) | 86.00 (85.00–87.00) |  |",
        "| *spread between frameworks, points* | 0.00 |  |  |",
        "| NB-SVM |  |  | 91.00 (90.00–92.00) |",
        "",
    ]


def test_two_experiments_beside_each_other() -> None:
    found = tables_of_both(sample_side_by_side())
    assert cells_shown(found["beside"], "two less one") == ["0.00 (-0.10 to +0.10; tie)", "–"]
    assert cells_shown(found["settings-beside"], "two") == ["none or 3"]
    assert {"headline-first", "headline-second"} <= set(found)


EXPLAINED = ("explanation", "explanation-2")


@pytest.mark.parametrize("text", ["", HOSTILE])
def test_the_page_in_markdown_has_every_table_whole(text: str) -> None:
    from compare.report.page import markdown_page

    statistics = sample_statistics(text)
    page = markdown_page(statistics)
    expected = tables_of(statistics)
    opened = [token for token in GFM.parse(page) if token.type == "table_open"]
    assert len(opened) == len(expected), "a table that breaks is one less, or more"
    rows = markdown_rows(page)
    assert len(rows) == sum(1 + len(table.rows) for table in expected.values())
    kinds = {child.type for token in GFM.parse(page) for child in token.children or ()}
    assert not {"image", "html_inline"} & kinds
    code = [child.content for token in GFM.parse(page) for child in token.children or () if child.type == "code_inline"]
    assert set(code) == {"learning_rate", "vectors"}, "fields of what was explained, and nothing else"
    assert "html_block" not in {token.type for token in GFM.parse(page)}, "but for the mark, which its writer adds"
    links = {
        child.attrs["href"] for token in GFM.parse(page) for child in token.children or () if child.type == "link_open"
    }
    assert links == {"https://example.org/a_b", *LESSON_LINKS}
    headings = [line for line in page.splitlines() if line.startswith("#")]
    assert headings[0] == f"# Lockstep: {escaped(statistics.name)}"
    assert headings[1:] == [
        *("## Missing", "## Left out", "## Results", "## Is the difference real?", "## The same model?"),
        *(
            "## What is set where",
            *[f"### {escaped(expected[name].caption)}" for name in EXPLAINED],
            "## Learning",
            "## Cost",
            "## Where they fail",
            "## Hand-picked reviews",
        ),
        *("## How it was measured", "## What was published on these reviews"),
    ]
    assert "\x1b" not in page


def test_hostile_names_break_no_table_in_any_format() -> None:
    for table in (
        *tables_of(sample_statistics(HOSTILE)).values(),
        *tables_of_both(sample_side_by_side(HOSTILE)).values(),
    ):
        assert {len(row) for row in markdown_rows(as_markdown(table))} == {len(table.columns)}, table.name
        head, *rows = csv.reader(io.StringIO(as_csv(table)))
        assert {len(row) for row in rows} == {len(head)}
        page = BeautifulSoup(str(as_html(table)), "html.parser")
        assert page.find("script") is None
        assert re.fullmatch(r"table-[a-z0-9-]+", str(page.table["id"]) if page.table else "")
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f\u202e]", as_text(table) + as_latex(table) + as_json(table))


def test_ids_of_a_page_are_unique() -> None:
    found = [table.identifier for table in tables_of(sample_statistics(HOSTILE)).values()]
    assert len(set(found)) == len(found)


# --- Reading ---


def saved(folder: Path, statistics: Statistics, **changed: object) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / "statistics.json"
    path.unlink(missing_ok=True)
    save_page(path, {**statistics.model_dump(mode="json"), **changed})
    return path


def test_statistics_are_read_as_they_were_written(tmp_path: Path, sample: Statistics) -> None:
    path = saved(tmp_path / "report", sample)
    assert read_statistics(path) == sample
    assert statistics_of(tmp_path / "report") == statistics_of(path) == sample


LATER = ("witnesses", "explained")


def test_statistics_from_before_something_was_measured_are_read(tmp_path: Path, sample: Statistics) -> None:
    values = {name: value for name, value in sample.model_dump(mode="json").items() if name not in LATER}
    save_page(tmp_path / "statistics.json", values)
    without = sample.model_copy(update={"witnesses": None, "explained": ()})
    assert read_statistics(tmp_path / "statistics.json") == without


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"version": 1}, "made by an earlier version; make the report again: lockstep report RUNS"),
        ({"version": 3}, "made by a later version of this program"),
        ({"version": "2"}, "made by an earlier version"),
        ({"cells": []}, "not what a report wrote, or damaged (cells: "),
        ({"surplus": 1}, "not what a report wrote, or damaged (surplus: "),
        ({"first": {}, "second": {}}, "is of two experiments beside each other; name the report of one of them"),
    ],
)
def test_other_statistics_are_refused_in_one_line(
    tmp_path: Path, sample: Statistics, changed: dict[str, object], reason: str
) -> None:
    path = saved(tmp_path / "report", sample, **changed)
    with pytest.raises(LockstepError) as error:
        statistics_of(tmp_path / "report")
    assert str(error.value).startswith(f"{path}: {reason}")
    assert "\n" not in str(error.value)


def test_damaged_statistics_are_refused(tmp_path: Path, sample: Statistics) -> None:
    path = saved(tmp_path / "report", sample)
    path.write_text(path.read_text().replace("0.88", "0.99"))
    with pytest.raises(LockstepError, match="was changed or damaged after it was written"):
        read_statistics(path)
    path.write_text("{}")
    with pytest.raises(LockstepError, match=r"has no cells: it is another file; make the report again"):
        read_statistics(path)


# --- The commands ---


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory, sample: Statistics) -> Path:
    folder = tmp_path_factory.mktemp("report")
    saved(folder, sample)
    return folder


def printed(capfd: pytest.CaptureFixture[str], *given: object) -> str:
    assert lockstep(["results", *map(str, given)]) == 0
    said = capfd.readouterr()
    assert said.err == ""
    return said.out


@pytest.mark.parametrize("form", WRITERS)
def test_results_are_printed_in_every_format(report: Path, form: str, capfd: pytest.CaptureFixture[str]) -> None:
    statistics = read_statistics(report / "statistics.json")
    assert printed(capfd, report, "--format", form) == written_out([tables_of(statistics)["headline"]], form)


def test_another_table_and_all_of_them(report: Path, capfd: pytest.CaptureFixture[str]) -> None:
    found = tables_of(read_statistics(report / "statistics.json"))
    assert printed(capfd, report, "--table", "pairs", "--format", "csv") == as_csv(found["pairs"])
    everything = json.loads(printed(capfd, report, "--table", "all", "--format", "json"))
    assert [table["name"] for table in everything] == list(found)
    assert printed(capfd, report / "statistics.json", "--table", "all").count("Keras LSTM") > 10


def test_results_are_written_to_a_file(report: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "headline.csv"
    assert printed(capfd, report, "--format", "csv", "--out", out) == f"{out}\n"
    assert out.read_text().startswith("model,")
    assert lockstep(["results", str(report), "--out", str(out)]) == 2
    assert "exists; pass --overwrite" in capfd.readouterr().err
    printed(capfd, report, "--out", out, "--overwrite")
    assert "Keras LSTM" in out.read_text()
    assert max(map(len, out.read_text().splitlines())) > 80, "a file is as wide as the table"


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (("--table", "nothing"), "has no table 'nothing'; choose from all, headline, ensembles, "),
        (("--table", "all", "--format", "csv"), "--table all: a CSV file holds one table"),
    ],
)
def test_wrong_choices_are_refused_in_one_line(
    report: Path, given: Sequence[str], reason: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert lockstep(["results", str(report), *given]) == 2
    said = capfd.readouterr()
    assert reason in said.err
    assert said.err.count("\n") == 1
    assert said.out == ""


def test_results_of_nothing_are_refused(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert lockstep(["results", str(tmp_path / "nowhere")]) == 2
    assert "nowhere: nothing is there; name an experiment such as runs/quick" in capfd.readouterr().err
    assert lockstep(["results", str(tmp_path)]) == 2
    assert "no finished runs" in capfd.readouterr().err


def test_results_of_an_experiment(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    experiment = write_experiment(tmp_path, {"negative": 40, "positive": 40}, [("keras", "lstm"), ("pytorch", "lstm")])
    assert lockstep(["results", str(experiment), "--format", "csv"]) == 0
    head, *rows = csv.reader(io.StringIO(capfd.readouterr().out))
    assert [row[0] for row in rows][:2] == ["Keras LSTM", "PyTorch LSTM"]
    for row, framework in zip(rows, ("keras", "pytorch"), strict=False):
        record = json.loads((experiment / framework / "lstm" / "seed-0" / "record.json").read_text())
        assert float(row[head.index("accuracy (share)")]) == record["metrics"]["test"]["accuracy"]


def test_a_pipe_gets_plain_text_and_nothing_is_cut_off(report: Path, command: Command) -> None:
    done = command("compare", "results", report)
    assert done.returncode == 0, done.stderr
    assert "\x1b" not in done.stdout, "a pipe gets plain text"
    assert "…" not in done.stdout


# --- What fills the documentation ---

STATISTICS = [name for name, (file, _) in TABLES.items() if file.endswith("statistics.json")]


@pytest.fixture
def documentation(tmp_path: Path, sample: Statistics) -> Path:
    """Results of this version, and three texts that have a place for each table."""
    for name in STATISTICS:
        (tmp_path / "results").mkdir(exist_ok=True)
        saved(tmp_path / "results" / name, sample)
    for path in (ROOT / "results").glob("*.json"):
        shutil.copy(path, tmp_path / "results")
    names = list(TABLES)
    for number, text in enumerate(("README.md", "docs/results.md", "lessons/lesson.md")):
        (tmp_path / text).parent.mkdir(exist_ok=True)
        marks = "".join(f"Text of {name}.\n\n<!-- {name} -->\nold\n<!-- /{name} -->\n\n" for name in names[number::3])
        (tmp_path / text).write_text(f"# Title\n\n{marks}The end.\n")
    return tmp_path


def docs(folder: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.chdir(folder)
    return lockstep(["docs"])


def test_docs_fill_every_table_wherever_it_stands(
    documentation: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    assert docs(documentation, monkeypatch) == 0
    assert capfd.readouterr().out.count("its tables are new") == 3
    texts = {path: path.read_text() for path in documentation.rglob("*.md")}
    for text in texts.values():
        assert "\nold\n" not in text
        assert text.startswith("# Title\n\nText of ")
        assert text.endswith("The end.\n")
        widths = [len(row) for row in markdown_rows(text)]
        assert widths
        assert min(widths) >= 2
    whole = "".join(texts.values())
    assert whole.count("| Keras | 89.00 (88.00–90.00) | – |  |") == len(STATISTICS)
    assert docs(documentation, monkeypatch) == 0
    assert capfd.readouterr().out == "every table says what the results say\n"


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("<!-- quick -->", "<!-- quickly -->", "README.md: <!-- quickly --> names no table; there are ablation, "),
        ("<!-- /quick -->", "", "README.md: has no <!-- /quick --> after its <!-- quick -->"),
        ("<!-- quick -->\n", "", "README.md: has no <!-- quick --> before its <!-- /quick -->"),
    ],
)
def test_marks_without_a_table_or_an_end_are_refused_and_nothing_is_written(
    documentation: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    old: str,
    new: str,
    reason: str,
) -> None:
    readme = documentation / "README.md"
    readme.write_text(readme.read_text().replace(old, new))
    before = {path: path.read_bytes() for path in documentation.rglob("*.md")}
    assert docs(documentation, monkeypatch) == 2
    said = capfd.readouterr().err
    assert said.startswith(f"error: {reason}")
    assert said.count("\n") == 1
    assert {path: path.read_bytes() for path in documentation.rglob("*.md")} == before


def test_a_table_without_a_place_is_named(
    documentation: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    (documentation / "docs" / "results.md").unlink()
    assert docs(documentation, monkeypatch) == 2
    said = capfd.readouterr().err
    missing = next(name for name in list(TABLES)[1::3])
    assert f"README.md, lessons/lesson.md: no <!-- {missing} --> … <!-- /{missing} --> for a table to stand in" in said


def test_statistics_of_an_earlier_version_are_named(
    documentation: Path, sample: Statistics, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    saved(documentation / "results" / "full", sample, version=1)
    assert docs(documentation, monkeypatch) == 2
    assert "results/full/statistics.json: made by an earlier version; make the report again" in capfd.readouterr().err


def test_comments_are_no_marks() -> None:
    text = "<!-- A remark. -->\nSee `<!-- parity -->`.\n  <!-- quick -->\n"
    assert marks_of(text, "it") == []
    assert filled(ROOT / "results", text) == text


def test_intervals_of_the_sample_are_what_they_seem() -> None:
    assert sample_statistics().cells[0].accuracy == Interval(value=0.89, low=0.88, high=0.9)

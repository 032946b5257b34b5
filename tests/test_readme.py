"""The README, `docs/` and the lessons: their commands, links, figures and words."""

from __future__ import annotations

import argparse
import json
import re
import shlex
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from compare.__main__ import _common_flags as common_flags
from compare.__main__ import _names_a_framework as names_a_framework
from compare.__main__ import main as lockstep
from compare.published import TABLES, documents, filled, marks_of
from shared.contract import FRAMEWORKS
from shared.files import seal
from shared.specification import specification_from_flags
from shared.train_and_predict import parser_of_framework as framework_parser
from tests import fuzz, soak
from tests.attack.__main__ import _parser as attack_parser
from tests.attack.commands import actions, commands_of, parser_of, runnable_modules
from tests.conftest import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
DOCS = sorted((ROOT / "docs").glob("*.md"))
PAGES = [ROOT / "README.md", *DOCS]
READ = [*PAGES, *sorted((ROOT / "lessons").glob("*.md"))]
LINKING = [*READ, ROOT / "CONTRIBUTING.md"]
LONGEST_README = 150  # lines

ACTIVATE = "source .venv/bin/activate"
# Of other programs: pip.
FOREIGN_FLAGS = {"--index-url"}
# What we say among ourselves, and a reader would have to guess.
HOUSE_WORDS = (
    *("asked together", "asks all", "ask all", "asks them together", "think together", "harness", "matrix multiply"),
    *("same-shape", "front door", "the long way", "learnt before but"),
)
EXPLANATION = "canonical weights (one set of names and layouts that all four frameworks read and write"

FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"`([^`]+)`")


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def commands(page: Path) -> list[str]:
    """The lines of a page's blocks of commands, as one would paste them."""
    blocks = [block for language, block in FENCE.findall(text_of(page)) if not language]
    return [line for block in blocks for line in block.splitlines() if line]


def inline(page: Path) -> Iterator[str]:
    """What stands between backticks, each on one line."""
    yield from (" ".join(span.split()) for span in CODE.findall(FENCE.sub("", text_of(page))))


ALL_COMMANDS = [(name(page), line) for page in PAGES for line in commands(page)]


OF_TESTS = {"tests.attack": attack_parser, "tests.soak": soak._parser, "tests.fuzz": fuzz._parser}


def parser_for(module: str) -> argparse.ArgumentParser:
    if module in {f"{framework}_impl" for framework in FRAMEWORKS} | {"shared.reference"}:
        return framework_parser(module.removesuffix("_impl").removeprefix("shared."))
    return OF_TESTS[module]() if module in OF_TESTS else parser_of(module)


def parsed(command: str) -> argparse.Namespace | None:
    """Parse a command as the program that it names would; of make and of what has no flags there is no answer."""
    words = shlex.split(re.sub(r"^cat \S+ \| ", "", command), comments=True)
    if words[0] == "make":
        makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
        for word in words[1:]:
            variable, assigned, _ = word.partition("=")
            expected = rf"^{variable} \?=" if assigned else rf"^{word}:"
            assert re.search(expected, makefile.replace("$(READY):", ".venv/ready:"), re.MULTILINE), word
        return None
    if words == ["python", "-m", "tests.parity"]:
        return None
    if words == ["lockstep", "--version"]:
        return None
    if words[0] == "lockstep":
        flags, (name_of_command, *rest) = common_flags(words[1:])
        words = ["python", "-m", "compare", name_of_command, *flags, *rest]
    assert words[:2] == ["python", "-m"], command
    module, given = words[2], words[3:]
    if module == "compare" and (given[0] == "train" or (given[0] == "predict" and names_a_framework(given[1:]))):
        verb, framework, *rest = given
        module, given = f"{framework}_impl", [verb, *rest]
    return parser_for(module).parse_args(given)


def test_the_readme_is_short() -> None:
    assert README.count("\n") <= LONGEST_README


@pytest.mark.parametrize("page", DOCS, ids=name)
def test_a_page_says_first_for_whom_it_is_and_what_it_answers(page: Path) -> None:
    title, first, *_ = text_of(page).split("\n\n")
    assert title.startswith("# ")
    assert first.startswith("For readers who ")
    assert first.endswith("?")


@pytest.mark.parametrize(("page", "command"), ALL_COMMANDS)
def test_commands_are_taken_by_their_parsers(page: str, command: str, capsys: pytest.CaptureFixture[str]) -> None:
    if command == ACTIVATE:
        return
    try:
        arguments = parsed(command)
    except SystemExit:
        pytest.fail(f"{page}: {command}: {capsys.readouterr().err}")
    if hasattr(arguments, "preset"):
        specification_from_flags(arguments)  # raises if a value is out of range


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_the_environment_is_activated_before_a_command_needs_it(page: Path) -> None:
    needing = [line for line in commands(page) if not line.startswith(("make ", ACTIVATE))]
    if needing:
        text = text_of(page)
        assert ACTIVATE in text[: text.index(needing[0])], needing[0]


@pytest.mark.parametrize("page", LINKING, ids=name)
def test_commands_flags_and_paths_in_the_text_exist(page: Path) -> None:
    verbs = {command for command, _ in commands_of("compare")}
    flags = {flag for _, _, action in actions() for flag in action.option_strings} | FOREIGN_FLAGS
    targets = set(re.findall(r"^([a-z]+|\S+/ready):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    folders = tuple(f"{folder.name}/" for folder in ROOT.iterdir() if folder.is_dir() and folder.name not in MADE)
    for span in inline(page):
        words = span.split()
        if words[0] == "lockstep" and len(words) > 1:
            assert words[1] in verbs, span
        if words[:2] == ["python", "-m"]:
            assert words[2] in runnable_modules() | {*OF_TESTS, "tests.parity"}, span
        if words[0] == "make" and len(words) > 1:
            assert words[1] in targets | {".venv/ready"}, span
        for flag in re.findall(r"(?<!\S)--[a-z][a-z0-9-]*", span):
            assert flag in flags | attack_flags(), span
        if span.startswith(folders) and not set("*{<… ") & set(span):
            assert (ROOT / span).exists(), span


MADE = ("runs", "reports", "build")


def attack_flags() -> set[str]:
    return {flag for made in OF_TESTS.values() for action in made()._actions for flag in action.option_strings}


def anchor(heading: str) -> str:
    """The anchor that GitHub gives to a heading."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


@pytest.mark.parametrize("page", LINKING, ids=name)
def test_links_lead_somewhere(page: Path) -> None:
    plain = CODE.sub("", FENCE.sub("", text_of(page)))
    for target in re.findall(r"\]\(([^)\s]+)\)", plain):
        if target.startswith("https://"):
            continue
        path, _, fragment = target.partition("#")
        file = (page.parent / path) if path else page
        assert file.exists(), target
        assert file.resolve().is_relative_to(ROOT), target
        if fragment:
            assert fragment in [anchor(found) for found in re.findall(r"^#+ (.+)$", text_of(file), re.MULTILINE)], (
                target
            )


@pytest.mark.parametrize("page", DOCS, ids=name)
def test_the_readme_leads_to_every_page(page: Path) -> None:
    assert f"]({name(page)})" in README


@pytest.mark.parametrize("page", READ, ids=name)
def test_pages_are_in_a_readers_words(page: Path) -> None:
    text = " ".join(text_of(page).lower().split())
    assert [word for word in HOUSE_WORDS if word in text] == []
    first = text.find("canonical weights")
    assert first == -1 or text[first:].startswith(EXPLANATION), "explain canonical weights where they are first named"


def test_every_table_stands_in_one_place() -> None:
    found = [mark for page in documents(ROOT) for mark in marks_of(text_of(page), name(page))]
    assert sorted(found) == sorted(TABLES)


@pytest.mark.parametrize("page", READ, ids=name)
def test_tables_are_made_of_the_results(page: Path) -> None:
    text = text_of(page)
    assert filled(ROOT / "results", text) == text
    for mark in marks_of(text, name(page)):
        assert len(text.split(f"<!-- {mark} -->")[1].split(f"<!-- /{mark} -->")[0].strip()) > 20, mark


@pytest.mark.parametrize("module", ["compare", "shared.data", "shared.vectors"])
def test_every_command_has_an_example(module: str) -> None:
    start = "lockstep" if module == "compare" else f"python -m {module}"
    for command, _ in commands_of(module):
        assert any(f"{start} {command}" in line for _, line in ALL_COMMANDS), f"{start} {command}"


def test_every_module_that_can_be_started_has_an_example() -> None:
    for module in runnable_modules() - {"compare"}:
        assert any(f"python -m {module}" in text_of(page) for page in PAGES), module


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """A copy of the figures and of the texts that the command fills."""
    shutil.copytree(ROOT / "results", tmp_path / "results", ignore=shutil.ignore_patterns("keras", "*.html", "*.svg"))
    for page in documents(ROOT):
        copy = tmp_path / name(page)
        copy.parent.mkdir(exist_ok=True)
        shutil.copy(page, copy)
    return tmp_path


def docs(folder: Path) -> int:
    return lockstep(["docs", str(folder / "results"), "--files", *map(str, documents(folder))])


def test_the_command_fills_every_page_anew(copied: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for page in documents(copied):
        page.write_text(re.sub(r"(<!-- [\w-]+ -->\n).*?(<!-- /)", r"\1old\n\2", text_of(page), flags=re.DOTALL))
    assert docs(copied) == 0
    capsys.readouterr()
    for page in documents(ROOT):
        assert text_of(copied / name(page)) == text_of(page), page
    assert docs(copied) == 0
    assert capsys.readouterr().out == "every table says what the results say\n"


def changed(file: Path, *keys: str | int, value: object) -> None:
    """Put another value into a JSON file; `Ellipsis` takes it away."""
    whole = json.loads(file.read_text())
    place = whole
    for key in keys[:-1]:
        place = place[key]
    if value is ...:
        del place[keys[-1]]
    else:
        place[keys[-1]] = value
    file.write_text(json.dumps(seal(whole) if "checksum" in whole else whole))


DAMAGE = [
    ("quick/statistics.json", ("cells", 0, "accuracy"), None),
    ("quick/statistics.json", ("cells", 0, "accuracy", "value"), "much"),
    ("quick/statistics.json", ("cells", 0, "framework"), "theano"),
    ("quick/statistics.json", ("cells",), []),
    ("quick/statistics.json", ("version",), 1),
    ("full/statistics.json", ("baselines", 0, "architecture"), "oracle"),
    ("full/statistics.json", ("spread", "lstm"), "much"),
    ("ensemble.json", ("ensembles", 0, "validation_log_loss"), ...),
    ("ablation.json", ("rungs", 1, "speed_ratio"), ...),
    ("ablation.json", ("rungs", 0, "accuracy_of_seeds"), []),
    ("ladder.json", ("rungs", 1, "accuracy_difference", "mean"), "nan"),
    ("quick-ablation.json", ("rungs", 1, "title"), ...),
    ("benchmark.json", ("speed",), ...),
    ("benchmark.json", ("speed", "rows", 0, "ratio", "median"), -1.0),
    ("benchmark.json", ("learning", "rows", 0, "seconds_to"), {"soon": 1}),
    ("benchmark.json", ("growth", "rows", 0, "size"), "depth"),
    ("benchmark.json", ("answering", "rows", 0, "name"), "another"),
    ("parity.json", ("largest", "keras", "loss"), ...),
    ("parity.json", ("tolerances", "loss"), -1.0),
    ("portability.json", ("matrices", "lstm", 0), [0]),
    ("portability.json", ("names", 0), "theano"),
    ("fates.json", ("trainings", 0, "steps"), [1]),
    ("fates.json", ("trainings", 0, "differences", "keras", "probabilities", 0), -1.0),
    ("fates.json", ("verdict",), []),
    ("commands.json", ("commands", 0, "seconds"), "ages"),
    ("training_time.json", ("cells",), ...),
    ("word_vectors.json", ("debiasing",), 7),
]


def refused(folder: Path, path: Path, capsys: pytest.CaptureFixture[str]) -> str:
    """The line that the command ends with; no page has been touched."""
    before = {page: page.read_bytes() for page in documents(folder)}
    assert docs(folder) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith(f"error: {path}: ")
    assert said.err.count("\n") == 1
    assert {page: page.read_bytes() for page in documents(folder)} == before
    return said.err


@pytest.mark.parametrize(("file", "keys", "value"), DAMAGE)
def test_damaged_figures_are_refused_in_one_line(
    copied: Path, file: str, keys: tuple[str | int, ...], value: object, capsys: pytest.CaptureFixture[str]
) -> None:
    path = copied / "results" / file
    changed(path, *keys, value=value)
    assert " again" in refused(copied, path, capsys)


@pytest.mark.parametrize("text", ["", "[]", "null", "{", '{"commands": ' + "[" * 100_000, "\x00"])
def test_files_that_are_no_json_are_refused_in_one_line(
    copied: Path, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = copied / "results" / "commands.json"
    path.write_text(text)
    refused(copied, path, capsys)


def test_what_was_not_a_number_is_shown_as_a_failure(copied: Path) -> None:
    changed(copied / "results" / "parity.json", "largest", "flair", "loss", value=None)
    changed(copied / "results" / "portability.json", "matrices", "gru", 0, 1, value=1.0)
    assert docs(copied) == 0
    written = text_of(copied / "docs" / "proof.md")
    assert re.search(r"^\| loss \| \S+ \| \S+ \| not a number ✗ \|", written, re.MULTILINE)
    assert re.search(r"^\| Keras \| \S+ \| 1e\+00 ✗ \|", written, re.MULTILINE)
    assert written.count("✗ |") == 2


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text.replace("<!-- /parity -->", ""),
        lambda text: text.replace("<!-- parity -->", ""),
        lambda text: text.replace("parity -->", "parrots -->"),
        lambda text: "\udcff",
    ],
)
def test_a_page_without_marks_or_text_is_refused(
    copied: Path, damage: Callable[[str], str], capsys: pytest.CaptureFixture[str]
) -> None:
    page = copied / "docs" / "proof.md"
    page.write_bytes(damage(text_of(page)).encode("utf-8", "surrogateescape"))
    refused(copied, page, capsys)


def test_a_table_without_a_place_is_refused(copied: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = copied / "docs" / "proof.md"
    page.write_text(re.sub(r"<!-- parity -->.*<!-- /parity -->", "", text_of(page), flags=re.DOTALL))
    assert docs(copied) == 2
    assert "no <!-- parity --> … <!-- /parity --> for a table to stand in; add them" in capsys.readouterr().err

"""The playground of the report's page: what a browser computes, shows, and never does."""

from __future__ import annotations

import base64
import hashlib
import json
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import compare.report
from compare.proofs.parity import random_weights
from compare.report.playground import PlaygroundModel, packed, playground_json, playground_models
from shared.data.corpus import Corpus
from shared.data.encoded import encode_texts
from shared.errors import LockstepError
from shared.reference.model import SentimentClassifier, build, softmax
from shared.runs import read_runs
from shared.specification import Specification
from shared.text import DEFAULT_CLEANING, Pipeline, Vocabulary, tokenize
from shared.weights import Checkpoint
from tests.browser import Opened, chromium, open_page
from tests.synthetic import write_experiment

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

ASSETS = Path(compare.report.__file__).parent / "assets"
SCRIPT, STYLE = ((ASSETS / name).read_text(encoding="utf-8") for name in ("playground.js", "playground.css"))
# What the issue asks for. All but the rounding of the word vectors is computed in float64.
TOLERANCE = 1e-3
EXACT = 1e-9
COLOURS = {"light": "#ffffff", "dark": "#101418"}
THEME = """
:root { color-scheme: light dark; --ink: #1b1f24; --paper: #ffffff; --quiet: #57606a; --line: #d8dee4;
  --accent: #0072b2; --good: #009e73; --bad: #d55e00; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --paper: #101418; --quiet: #9aa4ae; --line: #30363d; } }
body { color: var(--ink); background: var(--paper); }
"""
MOUNT = """
Playground.mount(document.getElementById("playground"), JSON.parse(document.getElementById("models").textContent));
"""


def write_page(path: Path, models: Sequence[PlaygroundModel]) -> Path:
    """Write a page as the report is one: all inline, and only what has these hashes runs."""

    def of(text: str) -> str:
        return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"

    style = THEME + STYLE
    policy = f"default-src 'none'; script-src {of(SCRIPT)} {of(MOUNT)}; style-src {of(style)}"
    path.write_text(
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>playground</title>'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}"><style>{style}</style></head><body>'
        f'<div id="playground"></div><script type="application/json" id="models">{playground_json(models)}</script>'
        f"<script>{SCRIPT}</script><script>{MOUNT}</script></body></html>",
        encoding="utf-8",
    )
    return path


WORDS = ("good", "bad", "film", "the", "a", "not", "don't", "great", "!", "?", ":)", "<3", "café", "worst", "plot")
BASE: dict[str, Any] = {"vectors": "random", "embedding_size": 6, "hidden_size": 5, "max_length": 9}
CASES: dict[str, dict[str, Any]] = {
    "lstm": {"architecture": "lstm"},
    "gru": {"architecture": "gru"},
    "bilstm": {"architecture": "bilstm"},
    "rnn": {"architecture": "rnn", "pooling": "last"},
    "birnn": {"architecture": "birnn", "pooling": "mean"},
    "bigru": {"architecture": "bigru", "pooling": "ends"},
    "lstm, max, two layers": {"architecture": "lstm", "pooling": "max", "layers": 2},
    "bigru, last, two layers": {"architecture": "bigru", "pooling": "last", "layers": 2},
    "bilstm, three layers": {"architecture": "bilstm", "layers": 3},
    "gru, ends, sigmoid": {"architecture": "gru", "pooling": "ends", "head": "sigmoid"},
    "lstm, mean, three classes": {"architecture": "lstm", "pooling": "mean", "classes": 3},
    "bilstm, head": {"architecture": "bilstm", "truncation": "head"},
    "gru, head and tail": {"architecture": "gru", "truncation": "head_tail"},
    "rnn, no cleaning": {"architecture": "rnn", "cleaning": ""},
    "lstm, five thousand words": {"architecture": "lstm", "vocabulary_size": 5_000, "max_length": 60},
    "bilstm as quick": {"architecture": "bilstm", "vocabulary_size": 8_000, "embedding_size": 50, "hidden_size": 48,
                        "max_length": 192},
}  # fmt: skip


def made(classes: int = 2, **fields: Any) -> Checkpoint:
    """A model with random weights, random biases too, whose vocabulary is `WORDS` and made-up ones."""
    specification = Specification(**{**BASE, **fields})
    fill = [f"w{number}" for number in range(fields.get("vocabulary_size", 40) - len(WORDS) - 2)]
    vocabulary = Vocabulary(("<pad>", "<unk>", *WORDS, *fill))
    names = ("negative", "positive", "neither")[:classes]
    return Checkpoint(specification, vocabulary, random_weights(specification, len(vocabulary), classes=classes), names)


CHECKPOINTS = {name: made(**fields) for name, fields in CASES.items()}


def texts_for(checkpoint: Checkpoint) -> list[str]:
    """No word, one, few, as many as are read, one more, and many more; known words and unknown ones."""
    generator = np.random.default_rng(1)
    known, most = checkpoint.vocabulary.words[2:], checkpoint.specification.max_length
    sizes = (1, 2, 3, most - 1, most, most + 1, 2 * most + 3, 5 * most)
    drawn = [" ".join(generator.choice([*known, "UNSEEN", "Good,"], size)) for size in sizes]
    return ["", "…", "unseen", "I don\u2019t like it<br />AT ALL &amp; left :)", *drawn]


def reference(checkpoint: Checkpoint, text: str) -> tuple[SentimentClassifier, np.ndarray]:
    """The reference after it has read one text, and its probabilities ``<float64>[classes]``."""
    specification = checkpoint.specification
    model = build(specification, checkpoint.weights)
    encoded = encode_texts([text], checkpoint.vocabulary, specification)
    return model, softmax(model.logits(encoded.padded(np.array([0]))))[0]


def rounded(checkpoint: Checkpoint, model: PlaygroundModel) -> Checkpoint:
    """The model with the word vectors that the page has, read as `PackedRows` says."""
    blocks = []
    for rows in model.embedding:
        scales = np.frombuffer(base64.b64decode(rows.scales), "<f4").astype(np.float64)
        if rows.bits == 16:
            numbers = np.frombuffer(base64.b64decode(rows.numbers), "<i2").astype(np.int64)
        else:
            bits = np.unpackbits(np.frombuffer(base64.b64decode(rows.numbers), np.uint8), bitorder="little")
            numbers = (bits.reshape(-1, 12) << np.arange(12)).sum(axis=1) - 2_048
        size = model.embedding_size
        blocks.append(numbers[: len(scales) * size].reshape(-1, size) * scales[:, None])
    return replace(checkpoint, weights={**checkpoint.weights, "embedding": np.concatenate(blocks)})


@pytest.fixture(scope="module")
def models() -> dict[str, PlaygroundModel]:
    return {name: packed(name, checkpoint) for name, checkpoint in CHECKPOINTS.items()}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture(scope="module")
def opened(
    browser: Browser, models: dict[str, PlaygroundModel], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Opened]:
    """A page with all the models above, which must stay quiet whatever the tests do on it."""
    path = write_page(tmp_path_factory.mktemp("page") / "index.html", list(models.values()))
    with open_page(browser, path) as one:
        one.page.evaluate("globalThis.models = JSON.parse(document.getElementById('models').textContent)")
        one.page.evaluate("globalThis.named = (name) => models.find((one) => one.name === name)")
        yield one
        one.assert_quiet()


@pytest.mark.parametrize("name", CASES)
def test_probabilities_are_the_reference_s(opened: Opened, models: dict[str, PlaygroundModel], name: str) -> None:
    checkpoint, model = CHECKPOINTS[name], models[name]
    texts = texts_for(checkpoint)
    found = opened.page.evaluate(
        "([name, texts]) => texts.map((text) => Playground.predict(named(name), text).probabilities)", [name, texts]
    )
    expected = np.array([reference(checkpoint, text)[1] for text in texts])
    assert expected.std(axis=0).max() > 0.01  # they are not all alike
    np.testing.assert_allclose(found, expected, rtol=0, atol=TOLERANCE)
    same_vectors = rounded(checkpoint, model)
    same = np.array([reference(same_vectors, text)[1] for text in texts])
    np.testing.assert_allclose(found, same, rtol=0, atol=EXACT)


@pytest.mark.parametrize("name", ["lstm", "gru", "bilstm", "bigru, last, two layers", "gru, head and tail"])
def test_the_running_answer_is_that_of_a_review_that_ends_there(
    opened: Opened, models: dict[str, PlaygroundModel], name: str
) -> None:
    checkpoint = rounded(CHECKPOINTS[name], models[name])
    words = ["good", "film", "unseen", "!", "not", "bad", "the", "plot"]
    found = opened.page.evaluate(
        "([name, text]) => { const seen = Playground.predict(named(name), text);"
        " return [...Playground.running(named(name), seen.ids, seen.layers)]; }",
        [name, " ".join(words)],
    )
    expected = [reference(checkpoint, " ".join(words[:end]))[1] for end in range(len(words) + 1)]
    np.testing.assert_allclose(found, expected, rtol=0, atol=EXACT)


# What the reference keeps of a step, in its order.
KEPT = {"lstm": ("i", "f", "g", "o", None, "c"), "gru": ("z", "r", "n"), "rnn": ("h",)}


@pytest.mark.parametrize("name", ["rnn", "lstm", "gru", "bilstm, three layers", "bigru, last, two layers"])
def test_gates_are_the_reference_s(opened: Opened, models: dict[str, PlaygroundModel], name: str) -> None:
    checkpoint, text = rounded(CHECKPOINTS[name], models[name]), "good film , unseen ! not bad"
    model, _ = reference(checkpoint, text)
    layers = opened.page.evaluate(
        "([name, text]) => Playground.predict(named(name), text).layers.map((ways) => ways.map((states) =>"
        " states.map((state) => Object.fromEntries(Object.entries(state).map(([kind, all]) => [kind, [...all]])))))",
        [name, text],
    )
    assert len(layers) == checkpoint.specification.layers
    for ways, passes in zip(layers, model.passes, strict=True):
        for states, one in zip(ways, passes, strict=True):
            np.testing.assert_allclose([state["h"] for state in states], one.outputs[0], rtol=0, atol=EXACT)
            for place, kind in enumerate(KEPT[checkpoint.specification.cell]):
                if kind:
                    found = [state[kind] for state in states]
                    np.testing.assert_allclose(found, [kept[place][0] for kept in one.kept], rtol=0, atol=EXACT)


def sharpened(checkpoint: Checkpoint, factor: float) -> Checkpoint:
    """The model with larger logits, around zero as before, so that rounding is larger too."""
    specification, weights = checkpoint.specification, dict(checkpoint.weights)
    weights["head.kernel"] = weights["head.kernel"] * np.float32(factor)
    weights["head.bias"] = np.zeros_like(weights["head.bias"])
    ids = np.arange(1, len(weights["embedding"]))
    texts = np.random.default_rng(2).choice(ids, (32, specification.max_length), p=1 / ids / (1 / ids).sum())
    weights["head.bias"] = -build(specification, weights).logits(texts).mean(axis=0).astype(np.float32)
    return replace(checkpoint, weights=weights)


def chaotic() -> Checkpoint:
    """A simple RNN that makes any rounding, however small, as large as its states."""
    checkpoint = made(architecture="rnn", pooling="last", hidden_size=48, max_length=150)
    weights = dict(checkpoint.weights)
    weights["rnn.0.forward.recurrent_kernel"] = weights["rnn.0.forward.recurrent_kernel"] * np.float32(4)
    return replace(checkpoint, weights=weights)


def test_rare_words_have_fewer_bits_where_that_does_no_harm(models: dict[str, PlaygroundModel]) -> None:
    checkpoint = CHECKPOINTS["bilstm as quick"]
    assert [rows.bits for rows in models["bilstm as quick"].embedding] == [16, 12]
    assert [rows.bits for rows in packed("sharp", sharpened(checkpoint, 300)).embedding] == [16]
    with pytest.raises(LockstepError, match=r"its answers change by over 0\.0005"):
        packed("chaotic", chaotic())


# ---- tokens ----


def tokens_of(opened: Opened, texts: Sequence[str], cleaning: str = DEFAULT_CLEANING) -> list[list[str]]:
    steps = list(Pipeline.parse(cleaning).names)
    found = opened.page.evaluate(
        "([texts, steps]) => JSON.stringify(texts.map((text) => Playground.tokens(text, steps)))", [list(texts), steps]
    )
    return json.loads(found)  # a list of lists would take Playwright seconds


def expected_tokens(texts: Sequence[str], cleaning: str = DEFAULT_CLEANING) -> list[list[str]]:
    clean = Pipeline.parse(cleaning)
    return [tokenize(clean(text)) for text in texts]


PIECES = (
    *(
        "a",
        "B",
        "don't",
        "o",
        "D",
        "x2",
        "3",
        "30",
        "i'll",
        " ",
        "\n",
        "_",
        "'",
        '"',
        "-",
        ".",
        ",",
        "*",
        "/",
        "\\",
        "|",
    ),
    *(
        ":",
        ";",
        "=",
        ")",
        "(",
        "]",
        "[",
        "^",
        "<",
        ">",
        "!",
        "?",
        "#",
        "$",
        ":)",
        ";-)",
        ":'(",
        ":d",
        "^_^",
        "<3",
        "</3",
    ),
    *(
        "<br />",
        "<b>",
        "</b>",
        "<!--",
        "-->",
        "<script>",
        "</script>",
        "<style a>",
        "</STYLE>",
        "&",
        "&amp;",
        "&amp",
        ";",
    ),
    *("&lt;", "&notit;", "&eacute;", "&#39;", "&#x27;", "&#1;", "&#0;", "&#128;", "&#xD800;", "&#99999999;", "&nbsp;"),
)
ASCII_TEXTS = st.one_of(
    st.text(st.characters(max_codepoint=127), max_size=40),
    st.lists(st.sampled_from(PIECES), max_size=12).map("".join),
)
LATIN_TEXTS = st.lists(
    st.one_of(
        st.sampled_from(
            (
                *PIECES,
                "\u2019",
                "\u2014",
                "\u2026",
                "é",
                "ß",
                "İ",
                "\u017f",
                "ﬁ",
                "e\u0301",
                "😀",
                "👍🏽",
                "©",
                "½",
                "²",
            )
        ),
        st.characters(max_codepoint=0x24F),
    ),
    max_size=12,
).map("".join)


@given(texts=st.lists(st.one_of(ASCII_TEXTS, LATIN_TEXTS), min_size=20, max_size=60))
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
def test_tokens_are_those_of_the_text_rules(opened: Opened, texts: list[str]) -> None:
    assert tokens_of(opened, texts) == expected_tokens(texts)
    assert tokens_of(opened, texts, "") == expected_tokens(texts, "")


def test_every_character_is_cut_alike(opened: Opened) -> None:
    """But for those that Python's older tables do not know, and of kinds with tens of thousands only some."""
    letters = [*map(chr, range(0x3400)), *map(chr, range(0xA000, 0xAE00)), *map(chr, range(0xF900, 0x20040))]
    assigned = [letter for letter in letters if unicodedata.category(letter) not in ("Cn", "Cs", "Co")]
    texts = [text for letter in assigned for text in (letter, f"a{letter}b", f"{letter}{letter} :{letter})")]
    found, expected = tokens_of(opened, texts, ""), expected_tokens(texts, "")
    different = [text for text, one, other in zip(texts, found, expected, strict=True) if one != other]
    assert different == []


def test_tokens_of_real_reviews_are_those_that_the_models_were_trained_on(opened: Opened, corpus: Corpus) -> None:
    reviews = [text for part in corpus.texts for text in part][:2_000]
    found, expected = tokens_of(opened, reviews), expected_tokens(reviews)
    assert sum(not text.isascii() for text in reviews) > 50
    assert found == expected


# ---- the page ----

HOSTILE = (
    "<script>alert(1)</script> </script><img src=x onerror=alert(2)> \"quoted\" 'single' \x00 \u202egnp.exe "
    "&lt;script&gt;alert(3)&lt;/script&gt; javascript:alert(4) ${alert(5)} great <3"
)


def review_of(page: Page) -> Locator:
    return page.get_by_role("textbox", name="Your review", exact=True)


def chooser(page: Page, name: str) -> Locator:
    return page.get_by_role("combobox", name=name, exact=True)


def answer(page: Page) -> str:
    return str(page.locator(".answer").text_content())


def shown_words(page: Page) -> list[str]:
    return page.locator(".words span").all_text_contents()


def test_a_hostile_review_is_shown_as_text_and_runs_nothing(opened: Opened) -> None:
    page = opened.page
    review_of(page).fill(HOSTILE)
    assert review_of(page).input_value() == HOSTILE
    (expected,) = expected_tokens([HOSTILE])
    assert {"alert", "quoted", "great", "<3"} <= set(expected)
    assert shown_words(page) == expected
    assert page.locator("#playground :is(script, img, a, iframe)").count() == 0
    page.locator("[aria-live]", has_text=f"{len(expected) - 9} more are not read").wait_for(state="attached")
    opened.assert_quiet()


def test_hostile_names_of_models_and_classes_are_text(browser: Browser, tmp_path: Path) -> None:
    checkpoint = replace(CHECKPOINTS["gru"], class_names=("</script><script>alert(1)</script>", "<img src=x>"))
    model = packed("<!--<script>alert(2)//", checkpoint)
    assert not set("<>&") & set(playground_json([model]))
    assert json.loads(playground_json([model])) == [model.model_dump(mode="json")]
    with open_page(browser, write_page(tmp_path / "index.html", [model])) as one:
        assert answer(one.page).startswith("<img src=x>: ")
        assert chooser(one.page, "Model").locator("option").all_text_contents() == ["<!--<script>alert(2)//"]
        one.assert_quiet()


def test_typing_moves_the_answer(opened: Opened) -> None:
    page = opened.page
    review = review_of(page)
    chooser(page, "Model").select_option("lstm")
    review.fill("")
    seen = [answer(page)]
    for word in ("good ", "film ", "unseen "):
        review.press_sequentially(word)
        seen.append(answer(page))
    assert len(set(seen)) == len(seen)
    for end, said in enumerate(seen):
        expected = reference(CHECKPOINTS["lstm"], " ".join(["good", "film", "unseen"][:end]))[1][1]
        assert said.startswith("positive: ")
        assert float(said.split()[1]) == pytest.approx(100 * expected, abs=0.1)
        assert f"after {end} words" in said
    assert shown_words(page) == ["good", "film", "unseen"]
    assert page.locator(".words .unknown").all_text_contents() == ["unseen"]
    page.locator(".here", has_text="Word 3: unseen ").wait_for()
    points = page.locator("polyline").get_attribute("points")
    assert points is not None
    assert len(points.split()) == 4
    last = 1 - float(points.split()[-1].split(",")[1])
    assert last == pytest.approx(reference(CHECKPOINTS["lstm"], "good film unseen")[1][1], abs=TOLERANCE)


def test_words_that_are_not_read_are_marked(opened: Opened) -> None:
    page = opened.page
    chooser(page, "Model").select_option("gru, head and tail")  # 9 words: 4 of the beginning, 5 of the end
    review_of(page).fill(" ".join(f"w{number}" for number in range(12)))
    assert page.locator(".words .unread").all_text_contents() == ["w4", "w5", "w6"]
    assert "3 more are not read" in answer(page)


def test_each_model_class_and_gate_can_be_chosen(opened: Opened) -> None:
    page = opened.page
    review_of(page).fill("good film ! not bad")
    answers = set()
    for name, checkpoint in CHECKPOINTS.items():
        chooser(page, "Model").select_option(name)
        for label, class_name in enumerate(checkpoint.class_names):
            chooser(page, "Class").select_option(class_name)
            expected = reference(checkpoint, "good film ! not bad")[1][label]
            assert answer(page).startswith(f"{class_name}: ")
            assert float(answer(page).split(": ")[1].split()[0]) == pytest.approx(100 * expected, abs=0.1)
            answers.add(answer(page))
    assert len(answers) > len(CASES)
    chooser(page, "Model").select_option("bigru, last, two layers")
    gates = chooser(page, "Heat-map").locator("option").all_text_contents()
    assert len(gates) == 4 * 2 * 2
    assert {"update gate z, forward, layer 1", "reset gate r, backward, layer 2"} <= set(gates)
    chooser(page, "Model").select_option("lstm")
    gates = chooser(page, "Heat-map").locator("option").all_text_contents()
    assert [gate.split(",")[0][-1] for gate in gates] == list("ifogch")


def test_the_heat_map_draws_the_gates(opened: Opened, models: dict[str, PlaygroundModel]) -> None:
    page, text = opened.page, "good film ! not bad"
    chooser(page, "Model").select_option("lstm")
    review_of(page).fill(text)
    model, _ = reference(rounded(CHECKPOINTS["lstm"], models["lstm"]), text)
    for place, gate in ((0, "input gate i, forward, layer 1"), (1, "forget gate f, forward, layer 1")):
        chooser(page, "Heat-map").select_option(gate)
        pixels = page.evaluate(
            "() => { const map = document.querySelector('canvas');"
            " const copy = document.createElement('canvas').getContext('2d', { willReadFrequently: true });"
            " copy.drawImage(map, 0, 0);"
            " return [map.width, map.height, [...copy.getImageData(0, 0, map.width, map.height).data]]; }"
        )
        expected = np.array([kept[place][0] for kept in model.passes[0][0].kept]).T  # [units, words]
        assert pixels[:2] == [5, 5]
        opacity = np.array(pixels[2]).reshape(5, 5, 4)[:, :, 3] / 255
        np.testing.assert_allclose(opacity, expected, rtol=0, atol=0.01)  # a pixel has 255 steps
        assert "5 words, 5 units" in str(page.locator("canvas").get_attribute("aria-label"))


def test_the_keyboard_reaches_everything(opened: Opened) -> None:
    page = opened.page
    chooser(page, "Model").select_option("lstm")
    review_of(page).fill("good film ! not bad")
    review_of(page).focus()
    reached = []
    for _ in range(4):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.labels[0].textContent.trim().split(' ')[0]"))
    assert reached == ["Model", "Class", "Word", "Heat-map"]
    page.get_by_role("slider", name="Word", exact=True).focus()
    page.locator(".here", has_text="Word 5: bad ").wait_for()
    page.keyboard.press("ArrowLeft")
    here = str(page.locator(".here").text_content())
    assert here.startswith("Word 4: not ")
    assert page.get_by_role("slider", name="Word", exact=True).get_attribute("aria-valuetext") == here
    assert page.locator(".words .chosen").all_text_contents() == ["not"]
    chooser(page, "Class").focus()
    before = answer(page)
    page.keyboard.press("ArrowUp")
    assert answer(page).startswith("negative: ")
    assert answer(page) != before


def test_a_screen_reader_is_told_when_the_typing_rests(opened: Opened) -> None:
    page = opened.page
    chooser(page, "Model").select_option("lstm")
    review_of(page).fill("great plot")
    live = page.locator("[aria-live=polite]")
    live.filter(has_text="after 2 words").wait_for(state="attached")
    said = str(live.text_content())
    assert said.startswith(answer(page))
    assert "Moved most by: " in said
    unnamed = page.evaluate(
        "[...document.querySelectorAll('#playground :is(textarea, select, input, svg, canvas)')].filter((one) =>"
        " !one.labels?.length && !(one.getAttribute('role') === 'img' && one.getAttribute('aria-label'))).length"
    )
    assert unnamed == 0


@pytest.mark.parametrize("scheme", COLOURS)
@pytest.mark.parametrize("width", [1_200, 360])
def test_it_fits_the_window_and_the_reader_s_colours(
    browser: Browser, models: dict[str, PlaygroundModel], tmp_path: Path, scheme: Literal["light", "dark"], width: int
) -> None:
    path = write_page(tmp_path / "index.html", [models["bilstm"]])
    with open_page(browser, path, width, scheme) as one:
        review_of(one.page).fill("good film " * 30)
        colour = one.page.evaluate("getComputedStyle(document.querySelector('textarea')).backgroundColor")
        assert "#{:02x}{:02x}{:02x}".format(*map(int, colour[4:-1].split(", "))) == COLOURS[scheme]
        assert one.page.evaluate("document.documentElement.scrollWidth") <= width
        one.assert_quiet()


def test_typing_does_not_wait_for_a_long_review(opened: Opened) -> None:
    """A keystroke at the end of 192 words, in a model of the quick preset's size that reads both ways."""
    page = opened.page
    chooser(page, "Model").select_option("bilstm as quick")
    review_of(page).fill("good film w7 unseen " * 48)
    page.locator(".here", has_text="Word 192: ").wait_for()
    elapsed = page.evaluate(
        "() => { const area = document.querySelector('textarea'), times = []; for (let k = 0; k < 20; k++) {"
        " area.value += ' bad'; const start = performance.now(); area.dispatchEvent(new Event('input'));"
        " times.push(performance.now() - start); } return times.sort((a, b) => a - b)[0]; }"
    )
    assert elapsed < 50  # ms, the quickest of twenty: other processes share the cores


# ---- which models ----


def test_one_model_of_each_architecture_is_packed(tmp_path: Path) -> None:
    networks = (("pytorch", "gru"), ("keras", "gru"), ("pytorch", "bilstm"), ("reference", "lstm"))
    runs = read_runs(write_experiment(tmp_path, {"bad": 60, "good": 60}, networks, ("majority",)))
    models, left_out = playground_models(runs)
    assert [model.name for model in models] == ["PyTorch BiLSTM", "Keras GRU", "NumPy reference LSTM"]
    assert left_out == []
    assert models[0].class_names == ("bad", "good")


def test_models_are_left_out_from_the_largest(tmp_path: Path) -> None:
    networks = (("keras", "lstm"), ("keras", "gru"), ("keras", "bilstm"))
    runs = read_runs(write_experiment(tmp_path, {"bad": 60, "good": 60}, networks))
    sizes = {model.name: len(playground_json([model])) for model in playground_models(runs)[0]}
    models, left_out = playground_models(runs, sum(sizes.values()) - 1)
    assert [model.name for model in models] == ["Keras GRU", "Keras LSTM"]
    assert left_out == [f"Keras BiLSTM: needs {sizes['Keras BiLSTM'] / 1e6:.1f} MB of a page whose models may have "
                        f"{(sum(sizes.values()) - 1) / 1e6:.1f} MB together"]  # fmt: skip
    models, left_out = playground_models(runs, 0)
    assert models == []
    assert len(left_out) == 3


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"cleaning": "html,stop_words,lower_case"}, "the page has no cleaning step 'stop_words'"),
        ({"padding": "left"}, "the page cannot read padding as a word"),
    ],
)
def test_a_model_that_the_page_cannot_do_is_left_out(tmp_path: Path, fields: dict[str, Any], reason: str) -> None:
    runs = read_runs(write_experiment(tmp_path, {"bad": 60, "good": 60}, (("keras", "gru"),), **fields))
    assert playground_models(runs) == ([], [f"Keras GRU: {reason}"])


def test_the_script_is_short_and_safe_to_include() -> None:
    assert len(SCRIPT.splitlines()) <= 300
    assert max(map(len, SCRIPT.splitlines())) <= 120
    markup = ("</script", "innerHTML", "outerHTML", "insertAdjacentHTML", "document.write")
    programs = ("eval(", "new Function", "fetch(", "XMLHttpRequest", "import(", "onclick", "oninput")
    for forbidden in (*markup, *programs):
        assert forbidden not in SCRIPT, forbidden

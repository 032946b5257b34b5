from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from shared.data.encoded import encode_texts
from shared.errors import LockstepError
from shared.loading import load_corpus
from shared.specification import Specification
from shared.text import DEFAULT_CLEANING, STEPS, Pipeline, Vocabulary, tokenize
from shared.text.words import NEGATIONS, OPINIONS
from shared.vectors import load_vectors
from shared.weights import Checkpoint, initialise, read_checkpoint, save_checkpoint
from tests.conftest import CLASS_NAMES, ROOT

SENTENCE = "I don't know about you but i'm feeling 22"
EVERYTHING = Pipeline()

# Unlike `st.text()`, with lone surrogates; and pieces that the steps look for.
PIECES = (
    *(
        "it",
        "he",
        "don",
        "I",
        "The",
        "film",
        "better",
        "been",
        "got",
        "never",
        "ing",
        "ed",
        " ",
        "\n",
        "\x1c",
        ";",
        "_",
    ),
    *(
        "'",
        "\u2019",
        "'s",
        "n't",
        "'d",
        "'ve",
        "'ll",
        "'t",
        "'S",
        "&",
        "&amp;",
        "lt;",
        "&#39;",
        "&#1",
        "<",
        ">",
        "<br/>",
    ),
    *(
        "<b>",
        "</b>",
        "<!--",
        "-->",
        "<script>",
        "</script>",
        "<style>",
        "</style>",
        "22",
        "\u0663",
        "\u00b2",
        "é",
        "e\u0301",
    ),
    *(":(", "(", "^", "-_", "#", "\u20e3", "\u200d", "\u093f", "\u6620", "\u30d5"),
    *("\U0001f1e9", "\U0001f44d\U0001f3fd"),
    *("\u0323", "\u05d0\u05b8", "\u202e", "\U0001f600", "\ufe0f", "\x00", "\ud800", "\u0130", "\u03a3", "ß"),
)
ANY_TEXT = st.text(st.characters()) | st.lists(st.sampled_from(PIECES), max_size=12).map("".join)


@pytest.mark.parametrize(
    ("steps", "text", "cleaned"),
    [
        ("html", f"<h2>{SENTENCE}</h2>", SENTENCE),
        ("accents", "Sómě Áccěntěd těxt", "Some Accented text"),
        ("contractions", SENTENCE, "I do not know about you but i am feeling 22"),
        (
            "special_characters,digits",
            "I do not know about @you but i am feeling 22",
            "I do not know about you but i am feeling",
        ),
        ("stemming", "I do not know about you but i am feeling 22", "I do not know about you but i am feel 22"),
        ("lemmatization", "I do not know about you but i am feel 22", "I do not know about you but i be feel 22"),
        ("stop_words", "I do not know about you but i be feel 22", "not know feel 22"),
        ("lower_case", SENTENCE, "i don't know about you but i'm feeling 22"),
        ("apostrophes", "I don\u2019t \u2018know\u2019 it\u00b4s", "I don't 'know' it's"),
    ],
)
def test_documented_examples(steps: str, text: str, cleaned: str) -> None:
    assert Pipeline.parse(steps)(text) == cleaned


def test_the_documented_steps_in_a_row() -> None:
    steps = "html,contractions,special_characters,stemming,lemmatization,stop_words"
    assert Pipeline.parse(steps)("<h2>I don't know about @you but i'm feeling 22</h2>") == "not know feel 22"
    assert EVERYTHING(f"<h2>{SENTENCE}</h2>") == "not know feel"


def test_words_are_not_joined_across_tags() -> None:
    assert STEPS["html"]("A good<br /><br />film<p>indeed").split() == ["A", "good", "film", "indeed"]


def test_brackets_carets_and_underscores_are_special_characters() -> None:
    """``[^a-zA-z]`` keeps them: A-z is a range that has ``[ \\ ] ^ _ ` `` too."""
    assert STEPS["special_characters"]("a[b]c\\d^e_f`g") == "a b c d e f g"


@pytest.mark.parametrize(
    ("word", "left"),
    [("not", "not"), ("no", "no"), ("Never", "never"), ("nothing", "noth"), ("without", "without")]
    + [(word, "not") for word in ("don't", "isn\u2019t", "Can't", "WON'T", "shouldn't've", "ain't")],
)
def test_negations_are_not_thrown_away(word: str, left: str) -> None:
    for step in ("stop_words", "lemmatization", "special_characters"):
        assert STEPS[step](f"this was {word} good").split()[-2] == word.replace("\u2019", "'"), step
    assert left in EVERYTHING(f"this film {word} good").split()


def test_stop_words_are_none_that_judge() -> None:
    for word in NEGATIONS | OPINIONS:
        assert STEPS["stop_words"](word) == word
    assert STEPS["stop_words"]("The film, and it's what I'd see; THIS was (very) thin.") == "film, ; () thin."


@pytest.mark.parametrize(
    ("text", "expanded"),
    [
        # Negations, and the auxiliaries that are no word without n't.
        ("I can\u2019t, won't, shan't; it isn't", "I can not, will not, shall not; it is not"),
        ("we ain't", "we is not"),
        # Case.
        ("Don't DON'T Can't CAN'T Won't WON'T", "Do not DO NOT Can not CAN NOT Will not WILL NOT"),
        ("I'M I'm i'll THEY'VE They're", "I AM I am i will THEY HAVE They are"),
        ("Let's LET'S y'all C'mon", "Let us LET US you all Come on"),
        # 's: a verb or a possessive.
        ("it's a film that's good, and there's HE'S", "it is a film that is good, and there is HE IS"),
        ("it's been, he's never got, who's had", "it has been, he has never got, who has had"),
        ("the director's, everyone's, James' dogs'", "the director's, everyone's, James' dogs'"),
        # 'd: would, had or did.
        ("I'd like; he'd need; they'd never see", "I would like; he would need; they would never see"),
        ("I'd better; she'd been; we'd never watched; who'd seen", "I had better; she had been; we had never watched; "
         "who had seen"),
        ("how'd it end; OK'd", "how did it end; OK'd"),
        # More than one ending, and apostrophes that are none of contractions.
        ("shouldn't've, I'd've", "should not have, I would have"),
        ("rock'n'roll O'Neill's 'em o'clock 'it's good'", "rock'n'roll O'Neill's 'em o'clock 'it is good'"),
        ("it\n  's its dont don ' t", "it\n  's its dont don ' t"),
    ],
)  # fmt: skip
def test_contractions_by_rule(text: str, expanded: str) -> None:
    assert STEPS["contractions"](text) == expanded


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a<script>if (a < b) alert('x')</script >b", "a b"),
        ("a<STYLE type='text/css'>p > b {color: red}</Style>b", "a b"),
        ("a<!-- <b>no</b> <!-- > -->b", "a b"),
        ("a<script src=x>b", "a b"),
        ("a</script>b", "a b"),
        ("a<!--b", "a<!--b"),
        ("a<script>1</script>b<script>2", "a b 2"),
        ("<scr<script>ipt>alert(1)</script>", "<scr"),
        ("<b><i>a</b>", "a"),
        ("1 < 2 > 0 <3 <- -> <<<", "1 < 2 > 0 <3 <- -> <<<"),
        ("caf&eacute; &lt;b&gt; &#39;s&#x27; &nosuch; &", "café <b> 's' &nosuch; &"),
        ("a &#" + "9" * 5_000 + "; &#99999999; &#xd800;", "a \ufffd \ufffd \ufffd"),
    ],
)
def test_html_of_any_kind(text: str, shown: str) -> None:
    assert " ".join(STEPS["html"](text).split()) == shown


def test_special_characters_leave_what_belongs_to_a_word() -> None:
    assert STEPS["special_characters"]("(nai\u0308ve) हिन्दी, don\u2019t") == "nai\u0308ve हिन्दी don't"
    assert STEPS["special_characters"]("映画は\u0301 \U0001f600\ufe0f:) <3") == "映 画 は\u0301 3"


def test_accents_go_and_other_scripts_stay() -> None:
    assert STEPS["accents"]("naïve nai\u0308ve Ångström ø ß Š") == "naive naive Angstrom ø ß S"
    kept = "हिन्दी עִבְרִית \ud55c\uad6d 日本語 \U0001f600\ufe0f"
    assert STEPS["accents"](kept) == kept


@pytest.mark.parametrize(
    ("text", "stems", "lemmas"),
    [
        ("Movies MOVIES movies", "Movi MOVI movi", "Movie MOVIE movie"),
        ("(running), well-acted!", "(run), well-act!", "(run), well-act!"),
        ("He was better than me", "He was better than me", "He be good than i"),
        ("director's, hadn't've", "director, hadn't'v", "director, hadn't've"),
        ("cafés \U0001f600 \u05d0\u05d1", "café \U0001f600 \u05d0\u05d1", "café \U0001f600 \u05d0\u05d1"),
    ],
)
def test_stems_and_lemmas_keep_case_and_marks(text: str, stems: str, lemmas: str) -> None:
    assert STEPS["stemming"](text) == stems
    assert STEPS["lemmatization"](text) == lemmas


@settings(deadline=None)  # the first text waits for the tables
@given(ANY_TEXT)
def test_no_text_raises_and_a_pipeline_is_its_steps(text: str) -> None:
    cleaned = text
    for name, step in STEPS.items():
        assert isinstance(step(text), str), name
        cleaned = step(cleaned)
    assert EVERYTHING(text) == cleaned, "the pipeline is its steps, one after the other"
    assert EVERYTHING(text) == cleaned, "and remembers them right"


@settings(deadline=None)
@given(ANY_TEXT)
@example("I'D'D'D'VE")
@example("Ⅷ ﬀ ŉ ΑΣ")
def test_steps_find_nothing_more_the_second_time(text: str) -> None:
    for name in STEPS.keys() - {"html", "stemming", "lemmatization"}:
        once = STEPS[name](text)
        assert STEPS[name](once) == once, name


@pytest.mark.parametrize(
    ("name", "text", "once", "twice"),
    [
        ("html", "&lt;b&gt;", "<b>", ""),  # what stood for a tag is one
        ("stemming", "only", "onli", "on"),
        ("lemmatization", "felled", "fell", "fall"),
    ],
)
def test_steps_that_may_find_more_the_second_time(name: str, text: str, once: str, twice: str) -> None:
    assert STEPS[name](text) == once
    assert STEPS[name](once) == twice


@given(ANY_TEXT)
def test_filters_leave_nothing_else(text: str) -> None:
    words = STEPS["special_characters"](text)
    assert tokenize(words) == words.split()
    assert not set("&;<>_#/-!()\u2019\U0001f600") & set(words)
    assert not any(letter.isdecimal() for letter in STEPS["digits"](text))
    assert not re.search("[\u0300-\u036f]", STEPS["accents"](text))


HOSTILE = (
    *("<", "<!--", "-->", "<!---->", "<script>", "</script", "<script><style>", "</script>", "<a ", "&", "&#1", "&#x1"),
    *(":(", "(", "^_", "-_", "</3", "1\ufe0f", "1\ufe0f\u20e3", '\u05d0"'),
    *("\U0001f468\u200d", "\U0001f468\ufe0f", "\U0001f1e9"),
    *("a", "a\u0300\u0323", "'", "a'", "it's ", "i'd'd", "'d", "it's\t\t", " ", "\x00", "\U0001f600", "\u202e\u05d0 "),
)


def seconds(step: Callable[[str], object], text: str) -> float:
    def once() -> float:
        started = time.process_time()
        step(text)
        return time.process_time() - started

    return min(once() for _ in range(3))


@pytest.mark.parametrize("name", STEPS)
def test_hostile_text_takes_linear_time(name: str) -> None:
    for piece in HOSTILE:
        short, long = (piece * (size // len(piece)) for size in (6_000, 48_000))
        # Eight times the text: 8 times the time where it is linear, 64 times where it is quadratic.
        assert seconds(STEPS[name], long) < 24 * seconds(STEPS[name], short) + 0.02, repr(piece)


def test_hostile_text_is_cut_into_words_in_linear_time() -> None:
    for piece in HOSTILE:
        short, long = ((piece * (size // len(piece)) + "\u00e9") for size in (6_000, 48_000))
        assert seconds(tokenize, long) < 24 * seconds(tokenize, short) + 0.02, repr(piece)


def test_ten_megabytes_of_markup_are_cleaned() -> None:
    assert EVERYTHING("<" * 10_000_000) == ""


@pytest.mark.parametrize("names", [DEFAULT_CLEANING, "digits", "", ",".join(STEPS)])
def test_a_pipeline_prints_as_what_it_is_read_from(names: str) -> None:
    assert str(Pipeline.parse(names)) == names
    assert repr(Pipeline.parse(names)) == f"Pipeline.parse({names!r})"


def test_steps_are_applied_in_their_order() -> None:
    assert Pipeline.parse(" stop_words , stemming ")("very") == ""
    assert Pipeline.parse("stemming,stop_words")("very") == "veri"
    assert Pipeline(())(" As <b>it</b> is. ") == " As <b>it</b> is. "


@pytest.mark.parametrize(
    ("names", "reason"),
    [
        ("html,shout", "unknown cleaning step 'shout': choose among html, apostrophes, .*, stemming"),
        ("html,,digits", "unknown cleaning step ''"),
        ("digits,html,digits", "the cleaning step 'digits' stands twice"),
    ],
)
def test_bad_pipelines_are_refused_in_one_line(names: str, reason: str) -> None:
    for make in (Pipeline.parse, lambda names: Specification().replaced(cleaning=names)):
        with pytest.raises(LockstepError, match=reason) as error:
            make(names)
        assert "\n" not in str(error.value)


def test_a_corpus_is_cleaned_as_its_specification_says(tmp_path: Path) -> None:
    path = tmp_path / "reviews.csv"
    path.write_text("text,label\n" + "".join(f"I wasn't bored by {n} films,{n % 2}\n" for n in range(400)))
    plain = Specification(data=str(path), minimum_count=1)
    stemmed = plain.replaced(cleaning="contractions,digits,stemming")
    assert "wasn't" in load_corpus(plain).vocabulary.words
    assert load_corpus(stemmed).vocabulary.words[2:] == ("I", "bore", "by", "film", "not", "was")


def test_a_checkpoint_cleans_as_its_training_did(tmp_path: Path) -> None:
    specification = Specification(cleaning="html, accents,lower_case,stemming", hidden_size=2)
    vocabulary = Vocabulary(("<pad>", "<unk>", "cafe", "feel"))
    weights = initialise(specification, load_vectors("random", vocabulary, specification.embedding_size), 2)
    save_checkpoint(tmp_path / "model", Checkpoint(specification, vocabulary, weights, CLASS_NAMES))
    read = read_checkpoint(tmp_path / "model")
    assert read.specification.cleaning == "html,accents,lower_case,stemming"
    assert encode_texts(["Feeling<br>Cafés"], read.vocabulary, read.specification).words(0).tolist() == [3, 2]


def test_an_older_checkpoint_cleans_as_before_there_was_a_choice() -> None:
    values = {name: value for name, value in Specification().model_dump().items() if name != "cleaning"}
    assert Specification.model_validate(values).cleaning == "html,apostrophes,lower_case"


def test_every_table_comes_with_a_package() -> None:
    code = (
        "import socket\n"
        "def refuse(*_): raise OSError('the network was asked for')\n"
        "socket.socket.connect = socket.getaddrinfo = refuse\n"
        "from shared.text import Pipeline\n"
        f"print(Pipeline()({SENTENCE!r}))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout == "not know feel\n", done.stderr

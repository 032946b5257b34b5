from __future__ import annotations

import csv
import io
import json
import re
import subprocess
import sys
import tarfile
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import shared.tasks
from shared.data.reviews import TEST, TRAIN, VALIDATION, Reading, Reviews
from shared.data.sources import load_reviews, load_unlabelled
from shared.errors import LockstepError
from shared.specification import Specification
from shared.tasks import EVERY, agreement, find_task, reuters, task_of, tasks
from shared.text import DEFAULT_CLEANING, Pipeline, tokenize
from shared.weights import shapes

TOPICS = ("earn", "acq", "money-fx", "ship")


def refused(source: str, reading: Reading | None = None) -> str:
    """The one line that a source is refused with."""
    with pytest.raises(LockstepError) as error:
        load_reviews(source, reading or Reading())
    assert "\n" not in str(error.value)
    return str(error.value)


def specification(task: str, preset: str, architecture: str) -> Specification:
    fields = find_task(task).fields(preset, architecture)
    return Specification().replaced(**{**fields, "architecture": architecture})


# Finding tasks


def test_the_tasks_of_the_documents_are_there_and_say_what_they_are() -> None:
    assert {"imdb", "rotten-tomatoes", "reuters", "yelp", "toxic-comments", "agreement"} <= set(tasks())
    for name, task in tasks().items():
        assert task.name == name
        assert task.title
        assert task.licence
        assert re.search(r"\d{4}|Lockstep", task.citation), "who and when"
        assert task.metric in ("accuracy", "macro_f1", "roc_auc", "log_loss")
        assert bool(task.url) == bool(task.checksum)
        assert all(other in {source for one in tasks().values() for source in one.sources} for other in task.tested_on)


def test_no_source_belongs_to_two_tasks() -> None:
    counts = Counter(source for task in tasks().values() for source in task.sources)
    assert set(counts.values()) == {1}


def test_a_new_file_is_a_new_task(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "parity_of_bits.py").write_text(
        "from shared.tasks import Task\n"
        "TASK = Task('parity', 'odd or even', {'bits': 'made'}, None, ('even', 'odd'), 'accuracy', 'MIT', 'me')\n"
    )
    monkeypatch.setattr(shared.tasks, "__path__", [*shared.tasks.__path__, str(tmp_path)])
    tasks.cache_clear()
    try:
        assert find_task("parity").title == "odd or even"
        found = task_of("bits:somewhere/else")
        assert found is not None
        assert (found[0].name, *found[1:]) == ("parity", "bits", Path("somewhere/else"))
    finally:
        tasks.cache_clear()


def test_looking_for_a_task_imports_nothing_that_only_reading_needs() -> None:
    program = (
        "import sys; from shared.tasks import tasks; tasks(); "
        "print({'pandas', 'pyarrow', 'pooch', 'scipy', 'sklearn', 'shared.data.sources'} & set(sys.modules))"
    )
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "set()"


def test_an_unknown_task_or_preset_is_named_with_those_there_are() -> None:
    with pytest.raises(LockstepError, match=r"'ruters': choose among .*reuters"):
        find_task("ruters")
    with pytest.raises(LockstepError, match=r"'best': choose one of published, tuned"):
        find_task("reuters").fields("best", "lstm")


@pytest.mark.parametrize(
    ("source", "task", "path"),
    [
        ("packaged", "imdb", None),
        ("reuters-clean", "reuters", None),
        ("reuters:~/a:b.tar.gz", "reuters", Path("~/a:b.tar.gz")),
        ("yelp:reviews.json", "yelp", Path("reviews.json")),
    ],
)
def test_the_task_of_a_source(source: str, task: str, path: Path | None) -> None:
    found = task_of(source)
    assert found is not None
    assert (found[0].name, found[1], found[2]) == (task, source.partition(":")[0], path)


@pytest.mark.parametrize("source", ["reviews.csv", "reuters.csv", "C:/reuters", "Reuters", ""])
def test_a_path_is_no_source_of_a_task(source: str) -> None:
    assert task_of(source) is None


# Presets


def named_presets() -> Iterator[tuple[str, str, str]]:
    for task in tasks().values():
        for preset, fields in task.presets.items():
            named = [architecture for architecture in fields if architecture != EVERY]
            for architecture in named or [str(fields[EVERY].get("architecture", "lstm"))]:
                yield task.name, preset, architecture


@pytest.mark.parametrize(("task", "preset", "architecture"), list(named_presets()))
def test_every_preset_is_a_specification(task: str, preset: str, architecture: str) -> None:
    built = specification(task, preset, architecture)
    for name, value in find_task(task).presets[preset].get(architecture, {}).items():
        assert getattr(built, name) == value, "what a preset says of one architecture comes before what it says of all"


def counts(task: str, architecture: str, vocabulary_size: int, classes: int) -> tuple[int, int, int]:
    """Numbers of the embedding, the recurrent layers and the head."""
    named = shapes(specification(task, "published", architecture), vocabulary_size, classes)
    sizes = Counter[str]()
    for name, shape in named.items():
        sizes[name.split(".")[0]] += int(np.prod(shape))
    return sizes["embedding"], sizes["rnn"], sizes["head"]


@pytest.mark.parametrize(
    ("task", "architecture", "vocabulary_size", "classes", "expected"),
    [
        ("toxic-comments", "lstm", 43_497, 2, (13_049_100, 160_400, 101)),
        ("toxic-comments", "gru", 43_497, 2, (13_049_100, 541_800, 301)),
        ("toxic-comments", "bilstm", 43_497, 2, (13_049_100, 1_442_400, 601)),
        ("yelp", "lstm", 2_500, 2, (320_000, 263_200, 402)),
        ("reuters", "rnn", 10_000, 46, (1_000_000, 4_256, 1_518)),
        ("reuters", "lstm", 10_000, 46, (1_000_000, 17_024, 1_518)),
        ("reuters", "bilstm", 10_000, 46, (1_000_000, 34_048, 2_990)),
    ],
)
def test_published_models_have_the_published_parameters(
    task: str, architecture: str, vocabulary_size: int, classes: int, expected: tuple[int, int, int]
) -> None:
    assert counts(task, architecture, vocabulary_size, classes) == expected


# Reuters


def sgml(documents: Sequence[tuple[Sequence[str], str | None]], first: int = 1, doctype: bool = True) -> str:
    """A file of Reuters-21578 with documents of these topics and bodies."""
    parts = ['<!DOCTYPE lewis SYSTEM "lewis.dtd">\n'] if doctype else []
    for number, (topics, body) in enumerate(documents, first):
        listed = "".join(f"<D>{topic}</D>" for topic in topics)
        text = f"<BODY>{body}</BODY>" if body is not None else "blah"
        parts.append(
            f'<REUTERS TOPICS="YES" LEWISSPLIT="TRAIN" OLDID="{number + 5543}" NEWID="{number}">\n<DATE>1987</DATE>\n'
            f"<TOPICS>{listed}</TOPICS>\n<PLACES><D>usa</D></PLACES>\n<UNKNOWN>&#5;C T</UNKNOWN>\n"
            f"<TEXT>&#2;\n<TITLE>TITLE &amp; {number}</TITLE>\n<DATELINE>here</DATELINE>{text}</TEXT>\n</REUTERS>\n"
        )
    return "".join(parts)


def folder_of(path: Path, *files: str) -> Path:
    path.mkdir(exist_ok=True)
    for number, content in enumerate(files):
        (path / f"reut2-{number:03d}.sgm").write_bytes(content.encode("latin-1"))
    return path


def tarball_of(path: Path, files: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def as_the_script_reads(files: Sequence[str], fewest: int) -> tuple[list[str], list[str]]:
    """Topics and texts as the script of Keras' data set finds them: by searching on from tag to tag."""
    topics, texts = [], []
    for rest in files:
        while (place := rest.find("<TOPICS>")) >= 0:
            rest = rest[place + len("<TOPICS>") :]
            topic = rest[: rest.find("</")].replace("<D>", "")
            if topic:
                body = rest[rest.find("<BODY>") + len("<BODY>") :]
                topics.append(topic)
                texts.append(body[: body.find("</")])
    found = Counter(topics)
    kept = [row for row, topic in enumerate(topics) if found[topic] >= fewest]
    return [topics[row] for row in kept], [texts[row] for row in kept]


def random_documents() -> st.SearchStrategy[list[list[tuple[list[str], str | None]]]]:
    topics = st.lists(st.sampled_from(TOPICS), max_size=2, unique=True)
    body = st.none() | st.text(st.characters(codec="latin-1", exclude_characters="<"), max_size=20)
    return st.lists(st.lists(st.tuples(topics, body), min_size=1, max_size=6), min_size=1, max_size=3)


@settings(max_examples=60, deadline=None)
@given(documents=random_documents())
def test_reuters_is_what_keras_script_makes_of_the_files(
    documents: list[list[tuple[list[str], str | None]]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    starts = np.cumsum([1, *map(len, documents)]).tolist()
    files = [sgml(file, first) for file, first in zip(documents, starts, strict=False)]
    topics, texts = as_the_script_reads(files, fewest=2)
    path = folder_of(tmp_path_factory.mktemp("reuters"), *files)
    with mock.patch.object(reuters, "FEWEST_DOCUMENTS", 2):
        if not topics:
            with pytest.raises(LockstepError, match="no topic has 2 documents"):
                reuters.load("reuters", path, Reading())
            return
        found = reuters.load("reuters", path, Reading())
    assert [found.class_names[label] for label in found.labels] == topics
    assert list(found.texts) == texts
    assert list(found.class_names) == list(dict.fromkeys(topics)), "numbered as they come"


BODIES = [f"shr {number} cts &lt;IBM> vs AT&amp;T\n Reuter\n&#3;" for number in range(40)]


@pytest.fixture
def newswires(tmp_path: Path) -> Path:
    """Two files: earnings and ships, two topics at once, none, a body that is missing, one that stands twice."""
    first = [(["earn"], BODIES[row]) for row in range(20)]
    first += [(["ship", "crude"], BODIES[20]), ([], BODIES[21]), (["earn"], None), (["ship"], BODIES[22])]
    second = [(["ship"], BODIES[row]) for row in range(23, 38)]
    second += [(["ship"], " ".join(BODIES[23].upper().split())), (["cocoa"], BODIES[38]), (["cocoa"], None)]
    return folder_of(tmp_path / "reuters21578", sgml(first), sgml(second, first=25))


def test_reuters_takes_the_first_topic_and_the_next_body_as_keras_does(newswires: Path) -> None:
    found = load_reviews(f"reuters:{newswires}")
    assert found.class_names == ("earn", "ship")
    assert np.bincount(found.labels).tolist() == [21, 18]
    texts = dict(zip(found.review_ids, found.texts, strict=True))
    assert texts["reuters-00001"] == BODIES[0], "references to characters stay as they are"
    assert texts["reuters-00023"] == BODIES[22], "the body of the document behind it"
    assert found.account is not None
    assert found.account.read == 42
    assert found.account.used == len(found) == 39
    assert found.account.left_out == {"without a topic": 1, "of topics with under 15 documents": 2}
    said = found.account.paragraph()
    assert "1 documents of several topics count for their first, and 1 without a body" in said
    assert "11,228" in said, "a part of the archive is said to be one"


def test_keras_training_and_test_documents_are_those_of_its_shuffle(newswires: Path) -> None:
    found = load_reviews(f"reuters:{newswires}")
    assert found.official is not None
    assert Counter(found.official.tolist()) == {TRAIN: int(39 * 0.8), TEST: 8}
    # The last eight of what numpy.random.RandomState(113).shuffle makes of 0 to 38.
    assert np.flatnonzero(found.official == TEST).tolist() == [2, 10, 22, 23, 28, 29, 34, 37]


def test_reuters_clean_has_one_topic_and_its_own_body(newswires: Path) -> None:
    found = load_reviews(f"reuters-clean:{newswires}")
    assert dict(zip(found.class_names, np.bincount(found.labels).tolist(), strict=True)) == {"earn": 20, "ship": 17}
    assert found.official is None
    assert found.texts[0] == "TITLE &amp; 1\nshr 0 cts &lt;IBM> vs AT&amp;T\n Reuter"
    assert found.account is not None
    assert found.account.left_out == {
        "without a topic": 1,
        "of several topics": 1,
        "without a body": 2,
        "of topics with under 15 documents": 1,
    }
    assert found.account.copies == 1
    original, copy = (list(found.review_ids).index(f"reuters-{number:05d}") for number in (25, 40))
    assert found.groups[original] == found.groups[copy], "a copy is never in another split"
    assert len(set(found.groups.tolist())) == len(found) - 1


def test_names_of_companies_survive_the_default_cleaning(newswires: Path) -> None:
    found = load_reviews(f"reuters-clean:{newswires}")
    tokens = tokenize(Pipeline.parse(DEFAULT_CLEANING)(found.texts[0]))
    assert "ibm" in tokens
    assert not {"lt", "amp"} & set(tokens)


@pytest.mark.parametrize("name", ["reuters", "reuters-clean"])
def test_the_other_documents_have_no_labels(name: str, newswires: Path) -> None:
    labelled, others = load_reviews(f"{name}:{newswires}"), load_unlabelled(f"{name}:{newswires}")
    assert set(others.labels.tolist()) == {-1}
    assert not set(labelled.review_ids) & set(others.review_ids)
    assert "reuters-00022" in others.review_ids
    assert "reuters-00042" not in others.review_ids, "it has no body"


def test_an_archive_and_a_folder_of_it_give_the_same(newswires: Path, tmp_path: Path) -> None:
    files = {f"x/{path.name}": path.read_bytes() for path in sorted(newswires.iterdir(), reverse=True)}
    files |= {"x/README.txt": b"read me", "x/._reut2-000.sgm": b"\0\5\26\7"}
    archive = tarball_of(tmp_path / "reuters21578.tar.gz", files)
    one, two = load_reviews(f"reuters:{newswires}"), load_reviews(f"reuters:{archive}")
    assert list(one.review_ids) == list(two.review_ids)
    assert list(one.texts) == list(two.texts)
    assert one.labels.tolist() == two.labels.tolist()


def test_bytes_that_are_no_utf_8_are_letters(tmp_path: Path) -> None:
    path = folder_of(tmp_path / "files", sgml([(["earn"], f"caf\xfc {number}") for number in range(15)]))
    assert load_reviews(f"reuters:{path}").texts[0] == "caf\xfc 0"


WHOLE = sgml([(["earn"], f"body {number}") for number in range(16)])


@pytest.mark.parametrize(
    ("there", "instead", "said"),
    [
        ("body 15</BODY></TEXT>\n</REUTERS>\n", "bo", "does not end with </REUTERS>"),
        (
            "body 15</BODY></TEXT>\n</REUTERS>\n",
            "body 15</BODY></TEXT>\n</REUTERS>\nmore",
            "does not end with </REUTERS>",
        ),
        (WHOLE, "", "does not end with </REUTERS>"),
        (WHOLE, "<html><body>404 not found</body></html>", "does not end with </REUTERS>"),
        ('NEWID="3"', 'NEWID="three"', "document 3 does not begin with <REUTERS"),
        ("body 0</BODY></TEXT>\n</REUTERS>", "body 0</BODY></TEXT>", "document 1 has no end"),
        ("</TOPICS>", "", "document 1 has a TOPICS that does not end"),
        ("<TOPICS><D>earn</D></TOPICS>", "", "document 1 has no TOPICS"),
        ("<D>earn</D>", "<D>earn", "document 1 has TOPICS that are not <D>"),
        ("body 3</BODY>", "body 3</BODY><BODY>more</BODY>", "document 4 has a BODY that does not end, or two"),
        ('NEWID="3"', 'NEWID="4"', "document 4 is there 2 times"),
    ],
    ids=lambda value: "" if len(value) > 30 else value,
)
def test_a_damaged_file_of_reuters_is_refused_with_its_place(
    there: str, instead: str, said: str, tmp_path: Path
) -> None:
    damaged = WHOLE.replace(there, instead, 1)
    assert damaged != WHOLE
    path = folder_of(tmp_path / "files", damaged)
    assert said in refused(f"reuters:{path}")
    assert str(path) in refused(f"reuters-clean:{path}")


def test_what_is_no_reuters_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert "has no .sgm file" in refused(f"reuters:{tmp_path / 'empty'}")
    assert "cannot be read" in refused(f"reuters:{tmp_path / 'nothing'}")
    few = folder_of(tmp_path / "few", sgml([(["earn"], "body")] * 3))
    assert "no topic has 15 documents" in refused(f"reuters:{few}")
    twice = folder_of(tmp_path / "twice", WHOLE)
    (twice / "copy").mkdir()
    (twice / "copy" / "reut2-000.sgm").write_text(WHOLE.replace("body 3", "body three"))
    assert "reut2-000.sgm is there twice" in refused(f"reuters:{twice}")


# Yelp


def open_data_set(path: Path, stars: Sequence[float] = (1, 2.0, 3.0, 4, 5.0) * 8) -> Path:
    rows = [
        {"review_id": f"0{row}", "user_id": "u", "stars": star, "useful": 0, "text": f"visit {row}: {star}\nof 5"}
        for row, star in enumerate(stars)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_stars_of_yelp_are_two_classes_and_the_middle_is_left_out(tmp_path: Path) -> None:
    path = open_data_set(tmp_path / "yelp_academic_dataset_review.json")
    found = load_reviews(f"yelp:{path}")
    assert found.class_names == ("negative", "positive")
    assert np.bincount(found.labels).tolist() == [16, 16]
    assert list(found.review_ids)[:3] == ["00", "01", "03"]
    assert list(found.texts)[:2] == ["visit 0: 1\nof 5", "visit 1: 2.0\nof 5"]
    assert found.account is not None
    assert (found.account.read, found.account.used, sum(found.account.left_out.values())) == (40, 32, 8)
    assert found.account.source == found.source == f"yelp:{path}"


def test_the_user_may_say_what_stars_mean(tmp_path: Path) -> None:
    path = open_data_set(tmp_path / "reviews.json")
    found = load_reviews(f"yelp:{path}", Reading(labels="1=worst 2,3,4=middle 5=best"))
    assert found.class_names == ("worst", "middle", "best")
    assert np.bincount(found.labels).tolist() == [8, 24, 8]


def test_the_polarity_file_of_yelp_is_told_by_its_contents(tmp_path: Path) -> None:
    path = tmp_path / "train.csv"
    with path.open("w", newline="") as file:
        rows = [("1", rf'cold, "slow"\n\nnever {row}') for row in range(10)] + [
            ("2", f"warm {row}") for row in range(9)
        ]
        csv.writer(file, quoting=csv.QUOTE_ALL).writerows(rows)
    found = load_reviews(f"yelp:{path}")
    assert found.class_names == ("negative", "positive")
    assert np.bincount(found.labels).tolist() == [10, 9]
    assert found.texts[0] == 'cold, "slow"\n\nnever 0', "its line breaks are two characters in the file"
    assert list(found.take(np.array([18, 0])).texts) == ["warm 8", 'cold, "slow"\n\nnever 0']


def test_what_is_no_file_of_yelp_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "reviews.csv"
    path.write_text("label,review\n0,bad\n1,good\n")
    assert "neither of what yelp reads" in refused(f"yelp:{path}")
    assert "yelp:PATH" in refused("yelp")
    assert "yelp_academic_dataset_review.json" in refused("yelp")
    assert "no such file" in refused(f"yelp:{tmp_path / 'none.json'}").lower()


# Toxic comments


def kaggle(path: Path) -> Path:
    kinds = ("toxic", "severe_toxic", "obscene", "threat", "insult", "identity_hate")
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("id", "comment_text", *kinds))
        for row in range(30):
            writer.writerow((f"000{row}", f'comment, "{row}"\nmore', int(row % 3 == 0), 0, 0, int(row == 6), 0, 0))
    return path


def test_toxic_comments_are_read_as_kaggle_gives_them(tmp_path: Path) -> None:
    found = load_reviews(f"toxic-comments:{kaggle(tmp_path / 'train.csv')}")
    assert found.class_names == ("clean", "toxic")
    assert found.labels.tolist() == [int(row % 3 == 0) for row in range(30)]
    assert found.review_ids[7] == "0007"
    assert found.texts[7] == 'comment, "7"\nmore'
    assert found.account is not None
    assert found.account.columns["label"] == "toxic"
    assert {"threat", "insult"} <= set(found.account.columns_ignored)


def test_another_kind_of_toxicity_can_be_learnt(tmp_path: Path) -> None:
    found = load_reviews(f"toxic-comments:{kaggle(tmp_path / 'train.csv')}", Reading(label_column="threat"))
    assert np.flatnonzero(found.labels).tolist() == [6]


def test_comments_without_labels(tmp_path: Path) -> None:
    path = tmp_path / "test.csv"
    path.write_text('id,comment_text\n01,"one\ntwo"\n02,three\n')
    found = load_unlabelled(f"toxic-comments:{path}")
    assert (list(found.texts), found.labels.tolist()) == (["one\ntwo", "three"], [-1, -1])
    assert list(found.review_ids) == ["01", "02"]


def test_toxic_comments_without_a_file_say_which_one_is_needed() -> None:
    assert "train.csv of Kaggle" in refused("toxic-comments")
    assert "toxic-comments:PATH" in refused("toxic-comments")


# Agreement


@pytest.fixture(scope="module")
def sentences() -> Reviews:
    return load_reviews("agreement")


def test_every_sentence_has_the_gap_of_its_id_and_the_number_of_its_subject(sentences: Reviews) -> None:
    for review_id, text, label in zip(sentences.review_ids, sentences.texts, sentences.labels.tolist(), strict=True):
        the, _, subject, *fillers, end = text.split()
        assert (the, end) == ("the", "?")
        assert review_id.startswith(f"gap-{len(fillers):02d}/")
        assert subject in agreement.NOUNS[label]
        assert subject not in fillers, "an attractor is another noun"
    assert sentences.class_names == ("has", "have")


def test_sentences_are_balanced_over_gaps_classes_and_splits(sentences: Reviews) -> None:
    assert sentences.official is not None
    gaps = [int(review_id[4:6]) for review_id in sentences.review_ids]
    found = Counter(zip(gaps, sentences.labels.tolist(), sentences.official.tolist(), strict=True))
    assert found == {
        (gap, label, split): size // 2
        for gap in range(1, 61)
        for label in (0, 1)
        for split, size in ((TRAIN, 800), (VALIDATION, 20), (TEST, 100))
    }
    assert len(set(sentences.texts)) == len(set(sentences.review_ids)) == len(sentences), (
        "nothing is tested that is learnt"
    )


def test_attractors_are_15_percent_of_the_fillers(sentences: Reviews) -> None:
    fillers = Counter(word for text in sentences.texts for word in text.split()[3:-1])
    nouns = sum(fillers[noun] for noun in (*agreement.NOUNS[0], *agreement.NOUNS[1]))
    assert nouns / fillers.total() == pytest.approx(0.15, abs=0.002)


def test_the_same_sentences_every_time(sentences: Reviews) -> None:
    again = agreement.load("agreement", None, Reading())
    assert list(again.texts) == list(sentences.texts)
    assert sentences.texts[0] == "the brave farmer then ?"
    assert sentences.texts[-1].startswith(
        "the famous dancers quite early now sailors beyond often until before outside"
    )


def test_words_of_the_sentences_survive_cleaning(sentences: Reviews) -> None:
    clean = Pipeline.parse(DEFAULT_CLEANING)
    longest = specification("agreement", "published", "lstm").max_length
    for text in sentences.texts[::97]:
        tokens = tokenize(clean(text))
        assert tokens == text.split()
        assert len(tokens) <= longest


def test_accuracy_by_gap() -> None:
    names = ["gap-12/00001", "gap-03/00000", "gap-12/00002", "gap-03/00001", "gap-12/00003"]
    found = agreement.accuracy_by_gap(names, np.array([0, 1, 1, 0, 1]), np.array([0, 1, 0, 0, 1]))
    assert found == {3: 1.0, 12: pytest.approx(2 / 3)}
    assert list(found) == [3, 12]


# IMDB and Rotten Tomatoes


@pytest.mark.parametrize("source", ["packaged", "rotten-tomatoes", "agreement"])
def test_what_is_part_of_lockstep_takes_no_path(source: str) -> None:
    assert f"{source} is part of Lockstep" in refused(f"{source}:reviews.csv")


def test_the_packaged_reviews_have_none_without_labels() -> None:
    with pytest.raises(LockstepError, match="packaged has no texts without labels: name stanford"):
        load_unlabelled("packaged")


def test_stanford_reads_a_copy(tmp_path: Path) -> None:
    files = {
        f"aclImdb/{part}/{label}/{number}_{stars}.txt": f"{part} {label} {number}".encode()
        for part in ("train", "test")
        for label, stars in (("neg", 1), ("pos", 10))
        for number in range(6)
    }
    files |= {f"aclImdb/train/unsup/{number}_0.txt": f"unsup {number}".encode() for number in range(4)}
    archive = tarball_of(tmp_path / "aclImdb_v1.tar.gz", files)
    found = load_reviews(f"stanford:{archive}")
    assert found.source == f"stanford:{archive}"
    assert found.class_names == ("negative", "positive")
    assert found.review_ids[0] == "test/neg/0_1"
    assert found.official is not None
    assert Counter(found.official.tolist()) == {TRAIN: 12, TEST: 12}
    assert sorted(load_unlabelled(f"stanford:{archive}").texts) == [f"unsup {number}" for number in range(4)]

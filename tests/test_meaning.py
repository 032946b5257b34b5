"""Which column is what, which label is which class, and what the account says of all that is not used."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.data.account import Account
from shared.data.forms import open_table
from shared.data.meaning import Classes, Meaning
from shared.data.reviews import TEST, TRAIN, VALIDATION, Reading, Reviews, Texts
from shared.data.sources import load_reviews, load_unlabelled
from shared.errors import LockstepError

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a CSV file with a header and some rows."""

    def written(header: str, *rows: str, name: str = "reviews.csv") -> Path:
        path = tmp_path / name
        path.write_text("\n".join([header, *rows]) + "\n")
        return path

    return written


def labelled(write: Write, *labels: str) -> Path:
    return write("text,label", *(f"film {number},{label}" for number, label in enumerate(labels)))


def account(reviews: Reviews) -> Account:
    assert reviews.account is not None
    return reviews.account


def refusal(path: Path, reading: Reading = Reading(), class_names: tuple[str, ...] = ()) -> str:  # noqa: B008
    with pytest.raises(LockstepError) as error:
        load_reviews(str(path), reading, class_names)
    message = str(error.value)
    assert str(path) in message or message.startswith("--")
    assert "\n" not in message
    return message.replace(str(path), "FILE")


# Labels.


@pytest.mark.parametrize(
    ("written", "class_names", "labels"),
    [
        ("0 1 0 1", ("negative", "positive"), [0, 1, 0, 1]),
        ("0.0 1.0 1 0", ("negative", "positive"), [0, 1, 1, 0]),
        ("neg Pos NEGATIVE positive", ("negative", "positive"), [0, 1, 0, 1]),
        ("bad good bad good", ("bad", "good"), [0, 1, 0, 1]),
        ("good bad good Bad", ("bad", "good"), [1, 0, 1, 0]),
        ("positive neutral negative neutral", ("negative", "neutral", "positive"), [2, 1, 0, 1]),
        ("pos neutral neg neutral", ("neg", "neutral", "pos"), [2, 1, 0, 1]),
        ("none favor against none", ("against", "favor", "none"), [2, 1, 0, 2]),
        ("True False True False", ("False", "True"), [1, 0, 1, 0]),
        ("v1.0 v2.0 v1.0 v2.0", ("v1.0", "v2.0"), [0, 1, 0, 1]),
    ],
)
def test_labels_become_classes(write: Write, written: str, class_names: tuple[str, ...], labels: list[int]) -> None:
    reviews = load_reviews(str(labelled(write, *written.split())))
    assert reviews.class_names == class_names
    assert reviews.labels.dtype == np.int16
    assert reviews.labels.tolist() == labels


@pytest.mark.parametrize(
    ("written", "advice", "classes"),
    [
        ("1 2 1 2", '--labels "1=negative 2=positive"', {"negative": 2, "positive": 2}),
        ("0 4 0 4", '--labels "0=negative 4=positive"', {"negative": 2, "positive": 2}),
        ("0 2 4 4", '--labels "0=negative 4=positive" (2 left out)', {"negative": 1, "positive": 2}),
        ("1 2 3 4 5 5", '--labels "1,2=negative 4,5=positive" (3 left out)', {"negative": 2, "positive": 3}),
        ("1.0 2.0 4.0 5.0", '--labels "1,2=negative 4,5=positive"', {"negative": 2, "positive": 2}),
        ("1 3 5 4 4", '--labels "1=negative 4,5=positive" (3 left out)', {"negative": 1, "positive": 3}),
        ("1 4 7 10", '--labels "1,4=negative 7,10=positive"', {"negative": 2, "positive": 2}),
        ("-1 1 -1 1", '--labels "-1=negative 1=positive"', {"negative": 2, "positive": 2}),
    ],
)
def test_numbers_need_a_meaning_and_the_error_gives_one(
    write: Write, written: str, advice: str, classes: dict[str, int]
) -> None:
    path = labelled(write, *written.split())
    assert advice in refusal(path)
    mapping = advice.split('"')[1]
    reviews = load_reviews(str(path), Reading(labels=mapping))
    assert account(reviews).classes == classes
    as_is = load_reviews(str(path), Reading(labels="as-is"))
    assert len(as_is) == len(written.split())
    assert as_is.class_names == tuple(sorted({one.removesuffix(".0") for one in written.split()}, key=float))


def test_where_the_first_strange_label_stands_is_said(write: Write) -> None:
    assert "line 4: row 3 has label 2; all labels are 0, 1, 2" in refusal(labelled(write, "0", "1", "2", "1"))
    message = refusal(labelled(write, *map(str, range(46))))
    assert "line 4: row 3 has label 2; all labels are 0, 1, 2, 3" in message
    assert "and 36 more: pass --labels as-is" in message
    assert "line 2: row 1 has label 1; all labels are 1, spam: pass --labels as-is" in refusal(
        labelled(write, "1", "spam")
    )


def test_a_mapping_gives_the_order_of_the_classes_and_counts_what_it_leaves_out(write: Write) -> None:
    path = labelled(write, *"1233345x", "")
    reviews = load_reviews(str(path), Reading(labels="4,5=good 1,2=bad"))
    assert reviews.class_names == ("good", "bad")
    assert reviews.labels.tolist() == [1, 1, 0, 0]
    assert account(reviews).left_out == {"labelled 3": 3, "labelled x": 1, "without a label": 1}
    assert "Left out: 1 without a label, 3 labelled 3, 1 labelled x." in account(reviews).paragraph()
    assert list(reviews.review_ids) == ["row-000000", "row-000001", "row-000005", "row-000006"]


def test_many_labels_that_are_left_out_are_counted_in_one_number(write: Write) -> None:
    numbers = [str(number) for number in range(3_000)]
    reviews = load_reviews(str(labelled(write, *numbers, "7", "7")), Reading(labels="0=low 1=high"))
    left_out = account(reviews).left_out
    assert len(left_out) == 6
    assert left_out["labelled 7"] == 3
    assert sum(left_out.values()) == 3_000
    assert left_out["with other labels"] == 2_998 - 5


def test_a_mapping_names_labels_with_spaces_between_quotes(write: Write) -> None:
    path = labelled(write, "1 star", "5 Stars", "3 stars")
    reviews = load_reviews(str(path), Reading(labels="'1 star,2 stars'=negative '5 stars'=positive"))
    assert reviews.labels.tolist() == [0, 1]


@pytest.mark.parametrize(
    ("mapping", "reason"),
    [
        ("1", "cannot read '1'"),
        ("1=negative 2", "cannot read '2'"),
        ("=negative 2=positive", "cannot read '=negative'"),
        ("1,=negative 2=positive", "cannot read '1,=negative'"),
        ("1= 2=positive", "cannot read '1='"),
        ("1=negative 1=positive", "'1' stands twice"),
        ("1=negative 2=negative", "names fewer than two classes"),
        ("'1=negative 2=positive", "a quote never closes"),
        ("", "names fewer than two classes"),
        ("1=negative 2=\x07", "cannot name a class"),
        ("1=negative 9=positive", "--labels makes 'positive' of 9, which no text is labelled"),
    ],
)
def test_a_malformed_mapping_is_one_line(write: Write, mapping: str, reason: str) -> None:
    assert reason in refusal(labelled(write, "1", "2"), Reading(labels=mapping))


@settings(deadline=None)
@given(st.text(max_size=30))
def test_no_mapping_makes_another_error(mapping: str) -> None:
    try:
        Classes("FILE", mapping)
    except LockstepError as error:
        said = str(error)
    else:
        said = "read"
    assert "\n" not in said


def test_what_is_not_known_is_left_out_and_counted(write: Write) -> None:
    path = labelled(write, "0", "1", "", "-1", "unsup", " ", "NaN", "-1.0")
    reviews = load_reviews(str(path))
    assert len(reviews) == 2
    assert account(reviews).left_out == {"without a label": 4, "without a label (-1)": 2}
    assert 'if it is a class, pass --labels "-1=negative 0=neutral 1=positive"' in account(reviews).paragraph()


@pytest.mark.parametrize(
    ("labels", "reason"),
    [
        ("1 1 1", "all 3 texts with a label are positive; a classifier needs two classes, add texts of another"),
        ("good Good", "all 2 texts with a label are good"),
        ("1 -1 -1", '2 have -1: it means "not known"; if it is a class, pass --labels "-1=negative 1=positive"'),
        ("-1 -1", "no text has a label: 2 have -1, which means that it is not known; it can be --unlabelled"),
        ("nan nan", "no text has a label; it can be --unlabelled"),
        ("1 nan", "are positive; a classifier needs two classes, add texts of another (1 have no label)"),
    ],
)
def test_one_class_or_none_has_its_true_cause(write: Write, labels: str, reason: str) -> None:
    assert reason in refusal(labelled(write, *labels.split()))


def test_more_than_a_thousand_classes_are_refused_at_once(write: Write) -> None:
    message = refusal(labelled(write, *(f"class {number}" for number in range(1_001))))
    assert "row 1001 has label 'class 1000', after 1,000 others" in message
    assert "--label-column" in message
    names = [f"class {number:04d}" for number in range(1_000)]
    assert load_reviews(str(labelled(write, *names))).class_names == tuple(names)


def test_names_of_classes_follow_the_rules_of_checkpoints(write: Write) -> None:
    assert "cannot name a class" in refusal(labelled(write, "x" * 101, "good"))


def test_spellings_of_a_class_are_said(write: Write) -> None:
    reviews = load_reviews(str(labelled(write, "Good", "bad", "good", "GOOD", "good")))
    assert reviews.class_names == ("Good", "bad")
    assert "Good and good are one class." in account(reviews).notes


def test_known_classes_are_kept_and_others_refused(write: Write) -> None:
    path = labelled(write, "1", "positive", "pos")
    reviews = load_reviews(str(path), Reading(), ("negative", "positive"))
    assert reviews.class_names == ("negative", "positive")
    assert reviews.labels.tolist() == [1, 1, 1], "one class is enough to be tested on"
    assert "no text has a label; the classes are bad, good" in refusal(
        labelled(write, "", ""), Reading(), ("bad", "good")
    )
    message = refusal(labelled(write, "good", "good"), Reading(labels="1=bad 2=good"), ("bad", "good"))
    assert "--labels makes 'bad' of 1, which no text is labelled; left out are 2 labelled good" in message
    message = refusal(labelled(write, "good", "odd"), Reading(), ("bad", "good"))
    assert "line 3: row 2 has label 'odd'; the classes are bad, good" in message
    mapped = load_reviews(str(labelled(write, "1", "5")), Reading(labels="1=bad 5=good"), ("good", "bad"))
    assert mapped.labels.tolist() == [1, 0]
    message = refusal(labelled(write, "1", "5"), Reading(labels="1=bad 5=fine"), ("good", "bad"))
    assert "--labels makes the class 'fine', the classes are good, bad" in message


def test_labels_are_found_among_the_classes_of_a_model() -> None:
    alike = Classes.of(("Good", "good", "bad"))
    assert [alike.find(label) for label in ("Good", "good", "BAD", "GOOD")] == [0, 1, 2, None], "told by their spelling"
    assert [Classes.of(("-1", "1")).is_not_known(label) for label in ("-1", "-1.0", "1", "nan")] == [
        False,
        False,
        False,
        True,
    ]
    assert [Classes.of(("nan", "NaN")).is_not_known(label) for label in ("nan", "NaN", "")] == [False, False, True]
    model = Classes.of(("negative", "positive"))
    assert [model.is_not_known(label) for label in ("-1", "nan", "unsup", "1")] == [True, True, True, False]
    assert [model.find(one) for one in ("1", "Neg", "positive ", "0.0", "5", None, "")] == [
        1,
        0,
        1,
        0,
        None,
        None,
        None,
    ]
    assert Classes.of(("bad", "good")).find("1") is None, "a number says nothing of other names"
    assert Classes.of(("positive", "negative")).find("1") == 0
    assert Classes.of(("1", "2")).find("2.0") == 1


# Columns.


def test_usual_names_are_found_in_any_letters(write: Write) -> None:
    path = write(
        " Review ,Extra,SENTIMENT,Review_ID,Type", "fine,x,pos,007,train", "bad,y,neg,01,TEST", "dull,z,neg,,dev"
    )
    reviews = load_reviews(str(path))
    assert list(reviews.texts) == ["fine", "bad", "dull"]
    assert list(reviews.review_ids) == ["007", "01", "row-000002"]
    assert reviews.official is not None
    assert reviews.official.tolist() == [TRAIN, TEST, VALIDATION]
    assert account(reviews).columns == {"text": "Review", "label": "SENTIMENT", "id": "Review_ID", "split": "Type"}
    assert account(reviews).columns_ignored == ["Extra"]
    paragraph = account(reviews).paragraph()
    assert "text from Review, label from SENTIMENT, id from Review_ID, split from Type; ignored: Extra." in paragraph
    assert "It says its own split: 1 train, 1 validation, 1 test." in paragraph


def test_flags_name_the_columns(write: Write) -> None:
    path = write("title,content,rating,id,split", "A,fine,good,7,x", "B,dull,bad,8,y")
    reading = Reading(text_column="title,content", label_column="rating", id_column="none", split_column="none")
    reviews = load_reviews(str(path), reading)
    assert list(reviews.texts) == ["A\nfine", "B\ndull"]
    assert reviews.class_names == ("bad", "good")
    assert list(reviews.review_ids) == ["row-000000", "row-000001"]
    assert account(reviews).columns == {"text": "title, content", "label": "rating"}
    assert account(reviews).columns_ignored == ["id", "split"]


@pytest.mark.parametrize(
    ("reading", "reason"),
    [
        (
            Reading(),
            "no text column (text, review, sentence); it has title, content, stars; name one with --text-column",
        ),
        (Reading(text_column="body"), "--text-column: no column 'body'; it has title, content, stars"),
        (Reading(text_column="title,body"), "--text-column: no column 'body'"),
        (
            Reading(text_column="title"),
            "no label column (label, sentiment); it has title, content, stars; name one with --l",
        ),
        (Reading(text_column="title", label_column="x"), "--label-column: no column 'x'"),
        (Reading(text_column="title", label_column="none"), "no label column"),
        (Reading(text_column="title", label_column="stars", id_column="x"), "--id-column: no column 'x'"),
        (Reading(text_column="title", label_column="stars", split_column="x"), "--split-column: no column 'x'"),
        (
            Reading(text_column="title", label_column="stars", split_column="title"),
            "row 1 has 'A' as title, which is none of",
        ),
        (Reading(encoding="klingon"), "--encoding 'klingon': no such encoding"),
        (Reading(encoding="base64"), "--encoding 'base64': no such encoding"),
        (Reading(delimiter="::"), "--delimiter '::': one character"),
        (Reading(delimiter='"'), "--delimiter"),
    ],
)
def test_a_column_that_is_not_there_is_refused_with_the_flag(write: Write, reading: Reading, reason: str) -> None:
    assert reason in refusal(write("title,content,stars", "A,fine,good", "B,dull,bad"), reading)


def test_two_candidates_that_disagree_are_refused_and_agreeing_ones_are_not(write: Write) -> None:
    path = write("review,label,sentiment", "fine,1,positive", "dull,0,neg", "good,0,positive")
    message = refusal(path)
    assert "columns label and sentiment differ (line 4: row 3)" in message
    assert "--label-column label" in message
    assert load_reviews(str(path), Reading(label_column="sentiment")).labels.tolist() == [1, 0, 1]
    path = write("review,label,sentiment", "fine,1,positive", "dull,,neg", "good,1.0,pos")
    assert load_reviews(str(path)).labels.tolist() == [1, 0, 1]
    path = write("text,review,label", "id0,fine,1", "id1,bad,0")
    assert "columns text and review differ (line 2: row 1)" in refusal(path)
    assert list(load_reviews(str(path), Reading(text_column="review")).texts) == ["fine", "bad"]
    assert "has 2 columns 'text'; rename all but one" in refusal(write("Text,text,label", "a,b,1"))


def test_a_column_of_another_meaning_is_no_split(write: Write) -> None:
    path = write("text,label,type", "fine,1,film", "bad,0,train", "dull,0,play")
    reviews = load_reviews(str(path))
    assert reviews.official is None
    assert account(reviews).columns_ignored == ["type"]
    rows = [f"film {number},{number % 2},train" for number in range(1_000)]
    message = refusal(write("text,label,type", *rows, "bad,0,plane"))
    assert "line 1002: row 1001 has 'plane' as type" in message
    assert "--split-column none" in message


@pytest.mark.parametrize("column", ["split", "type"])
@pytest.mark.parametrize("value", ["", "holdout"])
def test_a_column_that_mostly_says_splits_is_the_split(write: Write, column: str, value: str) -> None:
    rows = [f"film {n},{n % 2},{('train', 'test', 'eval', 'Evaluation')[n % 4]}" for n in range(8)]
    official = load_reviews(str(write(f"text,label,{column}", *rows))).official
    assert official is not None
    assert official.tolist() == [TRAIN, TEST, VALIDATION, VALIDATION] * 2
    others = [f"other {n},{n % 2},{value}" for n in range(9)]
    message = refusal(write(f"text,label,{column}", *rows, *others[:8]))
    assert f"line 10: row 9 has {value!r} as {column}" in message
    assert "--split-column none" in message
    ignored = load_reviews(str(write(f"text,label,{column}", *rows, *others)))
    assert ignored.official is None
    assert account(ignored).columns_ignored == [column]


def test_short_and_long_names_of_a_class_are_one(write: Write) -> None:
    path = labelled(write, *["neg", "neutral", "pos", "positive", "negative", "Pos"])
    reviews = load_reviews(str(path))
    assert reviews.class_names == ("negative", "neutral", "positive")
    assert reviews.labels.tolist() == [0, 1, 2, 2, 0, 2]
    assert {"pos and positive are one class.", "neg and negative are one class."} <= set(account(reviews).notes)
    assert load_reviews(str(path), Reading(labels="as-is")).class_names == (
        "neg",
        "negative",
        "neutral",
        "pos",
        "positive",
    )
    tested = load_reviews(str(path), Reading(), ("neg", "neutral", "pos"))
    assert tested.labels.tolist() == [0, 1, 2, 2, 0, 2]


def test_composed_and_decomposed_letters_are_one_class(write: Write) -> None:
    composed, decomposed = "caf\u00e9", "cafe\u0301"
    path = labelled(write, decomposed, "bar", composed)
    reviews = load_reviews(str(path))
    assert reviews.class_names == ("bar", composed)
    assert reviews.labels.tolist() == [1, 0, 1]
    mapped = load_reviews(str(path), Reading(labels=f"{composed}={decomposed} bar=bar"))
    assert mapped.class_names == (composed, "bar")
    assert mapped.labels.tolist() == [0, 1, 0]
    assert Classes.of((decomposed, "bar")).find(composed) == 0


def test_a_text_column_named_twice_is_refused(write: Write) -> None:
    path = write("title,label", "A,good", "B,bad")
    for said in ("title,title", "title,Title"):
        message = refusal(path, Reading(text_column=said))
        assert f"--text-column {said!r}: names a column twice" in message


def test_rows_that_say_that_they_are_unlabelled_are_apart(write: Write) -> None:
    for header, row, why in (
        ("text,label,type", "seen,unsup,train", "without a label"),
        ("text,label,split", "seen,1,unsupervised", "set apart as unlabelled"),
    ):
        path = write(header, "fine,1,train", "bad,0,test", row)
        reviews = load_reviews(str(path))
        assert list(reviews.texts) == ["fine", "bad"]
        assert account(reviews).left_out == {why: 1}
        unlabelled = load_unlabelled(str(path))
        assert list(unlabelled.texts) == ["seen"]
        assert (unlabelled.class_names, unlabelled.official) == ((), None)
        assert account(unlabelled).left_out == {"not among those that are set apart as without labels": 2}


def test_a_source_of_test_texts_only_says_what_it_is_good_for(write: Write) -> None:
    path = write("text,label,split", "fine,1,test", "bad,0,test")
    assert "FILE: has test texts only" in refusal(path)
    assert len(load_reviews(str(path), Reading(), ("negative", "positive"))) == 2


def test_without_a_header_columns_are_numbers(write: Write) -> None:
    path = write('"1","The film, of all, is rather dull"', '"2","The film, of all, is fine indeed"')
    message = refusal(path)
    assert "its first row looks like data: pass --no-header" in message
    assert "--text-column 2 --label-column 1" in message
    reading = Reading(header=False, text_column="2", label_column="1", labels="1=negative 2=positive")
    reviews = load_reviews(str(path), reading)
    assert len(reviews) == 2
    assert reviews.labels.tolist() == [0, 1]


def test_another_delimiter_is_found_in_the_header_and_named(write: Write) -> None:
    for name, delimiter in (("semicolon", ";"), ("tab", "\t"), ("pipe", "|")):
        path = write(f"text{delimiter}label", f'"fine, so fine"{delimiter}1', f'"bad, so bad"{delimiter}0')
        assert f"pass --delimiter {name}" in refusal(path)
        assert load_reviews(str(path), Reading(delimiter=name)).labels.tolist() == [1, 0]
    path = write("ham\tHello there", "spam\tWin now", name="messages.txt")
    reading = Reading(delimiter="tab", header=False, text_column="2", label_column="1")
    assert load_reviews(str(path), reading).class_names == ("ham", "spam")


@pytest.mark.parametrize("encoding", ["cp1252", "latin-1", "utf-16", "utf-16-be", "utf-8-sig", "shift_jis"])
def test_another_encoding_is_named_and_read(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "reviews.csv"
    letters = "ア映画" if encoding == "shift_jis" else "naïve"
    path.write_bytes(f"text,label\nfine,1\n{letters},0\n".encode(encoding))
    if encoding != "utf-8-sig":
        assert "--encoding" in refusal(path)
    assert list(load_reviews(str(path), Reading(encoding=encoding)).texts) == ["fine", letters]


def test_ids_come_to_the_letter_and_collisions_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "reviews.jsonl"
    ids = ["007", 7, 7.0, None, "7", "7 (row 2)", " x ", ""]
    rows = [{"id": one, "text": f"film {n}", "label": n % 2} for n, one in enumerate(ids)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    reviews = load_reviews(str(path))
    found = list(reviews.review_ids)
    assert found[:4] == ["007", "7", "7 (row 3)", "row-000003"]
    assert found[4:] == ["7 (row 5)", "7 (row 2)", " x ", "row-000007"]
    assert account(reviews).ids_twice == 2
    assert "Ids that stood before, and got their row added: 2." in account(reviews).paragraph()


@settings(deadline=None, max_examples=30)
@given(st.lists(st.sampled_from(["a", "a (row 2)", "a (row 3)", "a (row 2) (row 3)", ""]), min_size=2, max_size=9))
def test_ids_are_always_unique(tmp_path_factory: pytest.TempPathFactory, ids: list[str]) -> None:
    path = tmp_path_factory.mktemp("ids") / "reviews.csv"
    path.write_text("id,text,label\n" + "".join(f"{one},film {n},{n % 2}\n" for n, one in enumerate(ids)))
    assert len(set(load_reviews(str(path)).review_ids)) == len(ids)


def test_empty_texts_and_copies_are_used_and_counted(write: Write) -> None:
    path = write("text,label", ",1", "fine,1", "NA,0", "fine,0", '" ",0', "fine,1", "null,0")
    reviews = load_reviews(str(path))
    assert list(reviews.texts) == ["", "fine", "NA", "fine", " ", "fine", "null"]
    assert reviews.groups.tolist() == [0, 1, 2, 1, 4, 1, 6]
    paragraph = account(reviews).paragraph()
    assert (account(reviews).empty, account(reviews).copies) == (2, 2)
    assert "Empty texts: 2 (line 2: row 1, line 6: row 5)." in paragraph
    assert "Copies of texts that stood before: 2." in paragraph
    assert "Texts that stand under more than one class: 1." in paragraph


def test_json_labels_of_every_kind_are_read(tmp_path: Path) -> None:
    path = tmp_path / "reviews.jsonl"
    labels = [1, 0.0, "1", "Positive", None, -1, float("nan"), True]
    path.write_text(
        "".join(json.dumps({"text": f"film {n}", "label": one}) + "\n" for n, one in enumerate(labels[:-1]))
    )
    reviews = load_reviews(str(path))
    assert reviews.labels.tolist() == [1, 0, 1, 1]
    assert account(reviews).left_out == {"without a label": 2, "without a label (-1)": 1}
    path.write_text('{"text": "a", "label": true}\n{"text": "b", "label": false}\n')
    assert load_reviews(str(path)).class_names == ("False", "True")
    path.write_text('{"text": ["a", "b"], "label": 1}\n')
    assert "line 1 has a list as text, which is no text" in refusal(path)


def predicted(path: Path, reading: Reading = Reading()) -> tuple[Meaning, list[tuple[str, str | None, str | None]]]:  # noqa: B008
    table = open_table(path, reading)
    meaning = Meaning.of(table, reading, "predict")
    return meaning, [(meaning.text(row), meaning.label(row), meaning.review_id(row)) for row in table.rows]


def test_prediction_never_stops_at_a_label(write: Write) -> None:
    path = write("id,text,label,sentiment", "007,fine,5,positive", "8,bad,-1,", "9,dull,,negative")
    meaning, rows = predicted(path)
    assert rows == [("fine", None, "007"), ("bad", "-1", "8"), ("dull", "negative", "9")]
    assert meaning.columns["text"] == "text"
    _, rows = predicted(write("text", "fine"))
    assert rows == [("fine", None, None)]
    meaning, rows = predicted(write("text,label,other", "fine,5,x"))
    assert rows == [("fine", "5", None)]
    assert meaning.described("FILE") == ["FILE: a CSV file; text from text, label from label; ignored: other"]


def test_prediction_reads_all_columns_of_its_input(tmp_path: Path) -> None:
    path = tmp_path / "reviews.jsonl"
    path.write_text('{"text": "fine", "tags": ["a"], "stars": 5}\n{"text": "bad", "tags": null, "stars": 1}\n')
    table = open_table(path, Reading())
    Meaning.of(table, Reading(), "predict")
    assert [row.values for row in table.rows] == [("fine", ["a"], 5), ("bad", None, 1)]


# Texts that lie on the disk.


@given(st.lists(st.text(max_size=5)), st.lists(st.text(max_size=5)), st.data())
def test_texts_behave_as_a_list_does(one: list[str], two: list[str], data: st.DataObject) -> None:
    def on_the_disk(texts: list[str]) -> Texts:
        encoded = [text.encode() for text in texts]
        ends = np.cumsum([0, *map(len, encoded)]).astype(np.int64)
        return Texts.mapped(np.frombuffer(b"".join(encoded) + b"\n", np.uint8), ends)

    both = [*one, *two]
    for texts in (on_the_disk(one).joined(two), on_the_disk(one).joined(on_the_disk(two))):
        assert len(texts) == len(both)
        assert list(texts) == both
        assert texts == both
        rows = data.draw(st.lists(st.integers(0, max(0, len(both) - 1)), max_size=8 if both else 0))
        taken = texts.take(np.array(rows, np.int64))
        assert list(taken) == [both[row] for row in rows]
        assert [taken[place] for place in range(len(taken))] == list(taken)
        assert texts[1:3] == both[1:3]
        if both:
            assert texts[-1] == both[-1]
        with pytest.raises(IndexError):
            texts[len(both)]

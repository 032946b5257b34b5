from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.errors import LockstepError
from shared.output import Output
from shared.vectors import WordVectors, read_vectors
from shared.vectors.__main__ import main
from shared.vectors.debiasing import (
    DEFINITIONAL_PAIRS,
    EQUALIZED_PAIRS,
    OCCUPATIONS,
    debias,
    direct_bias,
    equalize,
    gender_direction,
    known_pairs,
    neutralize,
)
from shared.vectors.evaluation import (
    ANALOGY_TASK,
    SEMANTIC_SECTIONS,
    SIMILARITY_TASKS,
    evaluate,
    read_analogies,
    read_ratings,
    similarity,
    task_file,
)
from shared.vectors.map import LINE_HEIGHT, chosen_words, label_places, plot_words


@pytest.fixture(scope="module")
def glove() -> WordVectors:
    return read_vectors("glove", words=30_000)


def square() -> WordVectors:
    """Man, woman, king and queen at the corners of a parallelogram, and a word on the other side."""
    vectors = [[1, 0, 0.1], [1, 1, 0.1], [1, 0, 1.1], [1, 1, 1.1], [-1, -1, -1]]
    return WordVectors(("man", "woman", "king", "queen", "other"), np.array(vectors, np.float32))


def test_neighbours_by_hand() -> None:
    near = square().neighbours("king", 10)
    assert [word for word, _ in near] == ["queen", "man", "woman", "other"], "without king itself"
    assert np.isclose(near[1][1], (1 + 1.1 * 0.1) / np.sqrt((1 + 1.1**2) * (1 + 0.1**2)))
    assert len(square().neighbours("king", 2)) == 2


def test_analogies_on_real_vectors(glove: WordVectors) -> None:
    assert glove.analogy("man", "king", "woman")[0][0] == "queen"
    assert glove.analogy("Berlin", "Germany", "Paris", 1)[0][0] == "france", "found in lower case"
    answers = [word for word, _ in glove.analogy("king", "king", "king", 50)]
    assert "king" not in answers, "what is given is not an answer"
    assert len(answers) == 50
    first = glove.unit[[glove.row(word) for word in ("man", "king", "woman")]]
    wanted = first[1] - first[0] + first[2]
    word, cosine = glove.analogy("man", "king", "woman", 1)[0]
    assert np.isclose(cosine, wanted @ glove.unit[glove.row(word)] / np.linalg.norm(wanted), atol=1e-6)


def test_a_word_without_a_vector_is_named(glove: WordVectors) -> None:
    with pytest.raises(LockstepError, match="'zzxq' among 30,000 words"):
        glove.neighbours("zzxq")


def test_scores_are_those_of_gensim(glove: WordVectors) -> None:
    """An implementation that is not ours, on real vectors and the tasks that it ships."""
    from gensim.models import KeyedVectors

    few = WordVectors(glove.words[:4_000], glove.vectors[:4_000])
    keyed = KeyedVectors(few.vectors.shape[1])
    keyed.add_vectors(list(few.words), few.vectors)
    scores = {score.task: score for score in evaluate(few)}
    for name, file in SIMILARITY_TASKS.items():
        _, spearman, unknown = keyed.evaluate_word_pairs(str(task_file(file)), restrict_vocab=None)
        assert np.isclose(scores[name].value, spearman[0], atol=1e-6)
        assert np.isclose(1 - scores[name].coverage, unknown / 100, atol=1e-6)
    total, sections = keyed.evaluate_word_analogies(str(task_file(ANALOGY_TASK)), restrict_vocab=None)
    for section in sections[:-1]:
        right, wrong = len(section["correct"]), len(section["incorrect"])
        ours = scores[section["section"]]
        assert ours.asked == right + wrong
        assert round(np.nan_to_num(ours.value) * ours.asked) == right
    assert np.isclose(scores["all analogies"].value, total)
    assert scores["all analogies"].asked == scores["semantic analogies"].asked + scores["syntactic analogies"].asked


def test_tasks_are_whole() -> None:
    assert [len(read_ratings(task_file(file))) for file in SIMILARITY_TASKS.values()] == [353, 999]
    sections = read_analogies(task_file(ANALOGY_TASK))
    assert set(SEMANTIC_SECTIONS) < set(sections)
    assert sum(map(len, sections.values())) == 19_544, "as Mikolov et al. count them"
    with pytest.raises(LockstepError, match="pip install gensim"):
        task_file("absent.txt")


def test_vectors_without_the_words_are_not_scored() -> None:
    score = similarity(square(), "task", [("man", "zzxq", 1.0), ("zz", "xq", 2.0)])
    assert np.isnan(score.value)
    assert (score.asked, score.total, score.coverage) == (0, 2, 0.0)


@settings(deadline=None)
@given(st.integers(0, 2**32), st.integers(2, 9))
def test_algebra_of_debiasing(seed: int, size: int) -> None:
    drawn = np.random.default_rng(seed).normal(size=(6, size))
    direction, first, second, *others = drawn / np.linalg.norm(drawn, axis=1, keepdims=True)
    neutral = neutralize(np.array(others) * 3, direction)
    assert np.allclose(neutral @ direction, 0, atol=1e-12), "a neutralized word is orthogonal to the direction"
    assert np.allclose(np.linalg.norm(neutral, axis=1), 1)
    assert np.allclose(neutralize(neutral, direction), neutral), "and twice is once"
    one, other = equalize(first, second, direction)
    assert np.allclose([np.linalg.norm(one), np.linalg.norm(other)], 1)
    assert np.allclose(np.linalg.norm(neutral - one, axis=1), np.linalg.norm(neutral - other, axis=1))
    assert np.allclose(neutral @ one, neutral @ other), "an equalized pair is at one distance from a neutral word"
    difference = one - other
    assert np.allclose(difference, (difference @ direction) * direction), "and differs in the direction alone"
    assert (difference @ direction) * ((first - second) @ direction) >= 0, "each on its own side"
    middle = (first + second) / 2
    assert np.allclose((one + other) / 2, middle - (middle @ direction) * direction)


def test_equalize_as_the_paper_writes_it() -> None:
    """Equalize step of Bolukbasi et al.: e = nu + sqrt(1 - |nu|²) (w_B - mu_B) / |w_B - mu_B|."""
    generator = np.random.default_rng(5)
    direction, first, second = (values / np.linalg.norm(values) for values in generator.normal(size=(3, 8)))
    mean = (first + second) / 2
    mean_b = (mean @ direction) * direction
    nu = mean - mean_b
    expected = []
    for word in (first, second):
        offset = (word @ direction) * direction - mean_b
        expected.append(nu + np.sqrt(1 - nu @ nu) * offset / np.linalg.norm(offset))
    assert np.allclose(equalize(first, second, direction), expected)


def test_words_that_do_not_differ_cannot_be_equalized() -> None:
    with pytest.raises(LockstepError, match="do not differ"):
        equalize(np.array([0.0, 1.0]), np.array([0.0, -1.0]), np.array([1.0, 0.0]))


def test_direction_is_the_first_component_of_pca(glove: WordVectors) -> None:
    """Against scikit-learn: both words of each pair, about the middle of the pair."""
    from sklearn.decomposition import PCA

    direction = gender_direction(glove)
    rows = known_pairs(glove, DEFINITIONAL_PAIRS)
    assert len(rows) == len(DEFINITIONAL_PAIRS)
    centred = [glove.unit[row] - (glove.unit[one] + glove.unit[two]) / 2 for one, two in rows for row in (one, two)]
    pca = PCA().fit(np.array(centred, np.float64))
    assert np.isclose(abs(pca.components_[0] @ direction.vector), 1)
    assert np.allclose(pca.explained_variance_ratio_[:10], direction.explained, atol=1e-6)
    assert glove.unit[glove.row("she")] @ direction.vector > glove.unit[glove.row("he")] @ direction.vector


def test_debiased_real_vectors(glove: WordVectors) -> None:
    direction = gender_direction(glove).vector
    debiased = debias(glove, direction)
    assert direct_bias(glove, direction) > 0.1
    assert direct_bias(debiased, direction) < 1e-6
    assert direct_bias(glove, direction, strictness=0) == 1
    neutral = debiased.vectors[[debiased.row(word) for word in OCCUPATIONS if word in debiased.rows]]
    for first, second in known_pairs(debiased, EQUALIZED_PAIRS):
        pair = debiased.vectors[[first, second]]
        assert np.allclose(np.linalg.norm(pair, axis=1), 1, atol=1e-5)
        assert np.abs(neutral @ pair[0] - neutral @ pair[1]).max() < 1e-5
    assert debiased.analogy("man", "king", "woman")[0][0] == "queen", "gender stays where it is meant"
    surgeons = [table.analogy("he", "surgeon", "she")[0][0] for table in (glove, debiased)]
    assert surgeons == ["nurse", "physician"]


def test_no_direction_without_the_words() -> None:
    with pytest.raises(LockstepError, match="no gender direction"):
        gender_direction(WordVectors(("a", "b"), np.eye(2, dtype=np.float32)))
    same = WordVectors(("she", "he"), np.ones((2, 3), np.float32))
    with pytest.raises(LockstepError, match="no difference"):
        gender_direction(same)
    with pytest.raises(LockstepError, match="none of the words"):
        direct_bias(same, np.eye(3)[0])


def test_words_of_a_picture(glove: WordVectors) -> None:
    groups = chosen_words(glove, ["awful", "terrible"], 5)
    assert groups["awful"] == "awful"
    assert groups["terrible"] == "awful", "the first group has it"
    assert set(groups.values()) == {"awful", "terrible"}
    assert list(chosen_words(glove, [], 3)) == list(glove.words[:3])


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(40, 500), st.integers(40, 500)), min_size=2, max_size=12, unique=True))
def test_labels_stay_beside_their_points_and_apart(points: list[tuple[int, int]]) -> None:
    places = label_places(np.array(points, float), ["word"] * len(points))
    assert np.abs(places - points).max() < 40
    if len(points) == 2:
        apart = np.abs(places[0] - places[1])
        assert apart[0] >= 20 or apart[1] >= LINE_HEIGHT


@pytest.mark.parametrize(("suffix", "begins"), [(".png", b"\x89PNG"), (".svg", b"<?xml")])
def test_a_picture_is_written_and_the_same_again(
    glove: WordVectors, tmp_path: Path, suffix: str, begins: bytes
) -> None:
    odd = WordVectors((*glove.words[:20], "$\\frac$", "<b>"), glove.vectors[:22])
    paths = [tmp_path / f"{number}{suffix}" for number in range(2)]
    for path in paths:
        with Output(path) as place:
            plot_words(odd, chosen_words(odd, [], 22), place)
    assert paths[0].read_bytes().startswith(begins)
    assert paths[0].read_bytes() == paths[1].read_bytes()
    assert suffix == ".png" or b"frac" in paths[0].read_bytes()


def shown(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    code = main([str(argument) for argument in arguments])
    printed = capsys.readouterr()
    return code, printed.out, printed.err


def test_commands_show_what_they_find(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    first = ("--words", 5_000)
    code, out, _ = shown(capsys, "neighbours", "good", "bad", "--count", 3, *first)
    assert (code, out.count("better")) == (0, 1)
    code, out, errors = shown(capsys, "analogy", "man", "king", "woman", *first)
    assert (code, out.split()[1]) == (0, "queen")
    assert "left out as answers: man, king, woman" in errors
    code, out, _ = shown(capsys, "evaluate", *first)
    assert code == 0
    assert "WordSim-353" in out
    assert shown(capsys, "plot", "good", "--count", 4, "--out", tmp_path / "words.svg", *first)[0] == 0
    assert b">good<" in (tmp_path / "words.svg").read_bytes()


def test_debias_writes_vectors_and_what_was_measured(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    files = ("--out", tmp_path / "debiased.txt", "--record", tmp_path / "debiased.json")
    code, out, _ = shown(capsys, "debias", "--words", 3_000, *files)
    assert code == 0
    assert "he : surgeon" not in out, "a question whose words are missing is not asked"
    report = json.loads((tmp_path / "debiased.json").read_text())
    assert report["direct_bias"]["after"] < 1e-6 < report["direct_bias"]["before"]
    written = read_vectors(str(tmp_path / "debiased.txt"))
    assert len(written) == 3_000
    assert direct_bias(written, gender_direction(read_vectors("glove", 3_000)).vector) < 1e-6


@pytest.mark.parametrize(
    "arguments", [("debias", "--record"), ("debias", "--out"), ("train", "--out"), ("plot", "--out")]
)
def test_a_file_never_takes_the_place_of_a_directory(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    (tmp_path / "mine.png").mkdir()
    (tmp_path / "mine.png" / "precious").write_text("years of work")
    code, _, errors = shown(capsys, *arguments, tmp_path / "mine.png")
    assert (code, errors) == (2, f"error: {tmp_path / 'mine.png'}: is a directory; name a file\n")
    assert (tmp_path / "mine.png" / "precious").exists()


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("neighbours", "zzxq"), "no vector for the word 'zzxq'"),
        (("neighbours", "good", "--vectors", "random"), "say nothing"),
        (("neighbours", "good", "--vectors", "nowhere.txt"), "nowhere.txt"),
        (("plot", "--out", "words.gif"), "ends in .png or .svg"),
        (("plot", "--count", "2", "--out", "words.png"), "at least 3"),
    ],
)
def test_bad_commands_say_so_in_one_line(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], reason: str
) -> None:
    code, out, errors = shown(capsys, *arguments, "--words", 1_000)
    assert (code, out) == (2, "")
    assert errors.startswith("error: ")
    assert reason in errors
    assert errors.count("\n") == 1
    assert not Path("words.png").exists()

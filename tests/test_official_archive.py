"""What can be checked only with the official archive: set LOCKSTEP_ACLIMDB to the path of a copy.

Any tarball in its layout will do; the labelled part is enough.
"""

from __future__ import annotations

import os
import tarfile
from pathlib import Path

import numpy as np
import pytest

from shared.data.forms.class_folders import FILMS_FILE
from shared.data.reviews import TEST, TRAIN, VALIDATION, Reviews
from shared.data.sources import load_reviews
from shared.data.splits import split
from shared.specification import preset
from tests.conftest import ROOT

ARCHIVE = os.environ.get("LOCKSTEP_ACLIMDB", "")

pytestmark = pytest.mark.skipif(not ARCHIVE, reason="LOCKSTEP_ACLIMDB does not name a copy of the official archive")


@pytest.fixture(scope="module")
def official(cache: Path) -> Reviews:
    return load_reviews(ARCHIVE)


@pytest.fixture(scope="module")
def films() -> dict[str, list[str]]:
    """The film of each official training review, by label, in the order of the reviews' numbers."""
    found = {}
    with tarfile.open(ARCHIVE) as archive:
        for member in archive:
            listed = FILMS_FILE.search(member.name)
            if listed and listed[1] == "train":
                file = archive.extractfile(member)
                assert file is not None
                found[listed[2]] = file.read().decode().split()
    return found


def film_of(review_id: str, films: dict[str, list[str]]) -> str:
    _, label, name = review_id.split("/")
    return films[label][int(name.split("_")[0])]


def test_official_split_stays_official(official: Reviews) -> None:
    sides = split(official, preset("full"))
    parts = np.array([review_id.split("/")[0] for review_id in official.review_ids])
    assert np.array_equal(sides == TEST, parts == "test")
    assert np.bincount(official.labels[parts == "train"]).tolist() == [12_500, 12_500]
    assert np.bincount(official.labels[parts == "test"]).tolist() == [12_500, 12_500]


def test_validation_shares_no_film_and_no_text_with_training(official: Reviews, films: dict[str, list[str]]) -> None:
    sides = split(official, preset("full"))
    both = []
    for side in (TRAIN, VALIDATION):
        rows = np.flatnonzero(sides == side)
        both.append(({film_of(official.review_ids[row], films) for row in rows}, {official.texts[row] for row in rows}))
    assert not both[0][0] & both[1][0]
    assert not both[0][1] & both[1][1]
    assert abs(np.mean(sides[sides != TEST] == VALIDATION) - preset("full").validation_fraction) < 0.005


def test_packaged_split_leaks_as_few_films_as_the_page_says(official: Reviews, films: dict[str, list[str]]) -> None:
    """The packaged reviews are the official training reviews, in an order of their own within each film."""
    packaged = load_reviews("packaged")
    film_of_text = {
        text: film_of(review_id, films)
        for review_id, text in zip(official.review_ids, official.texts, strict=True)
        if review_id.startswith("train/")
    }
    found = np.array([film_of_text.get(text, "") for text in packaged.texts])
    assert np.mean(found == "") < 0.001, "a few texts differ in their encoding"
    by_neighbours = split(packaged, preset("quick"))
    by_review = by_neighbours[np.random.default_rng(0).permutation(len(packaged))]
    leaks = [
        f"{100 * np.mean(np.isin(found[sides == TEST], found[sides != TEST])):.0f} %"
        for sides in (by_review, by_neighbours)
    ]
    page = " ".join((ROOT / "docs" / "data.md").read_text().split())
    assert f"in a split by single reviews {leaks[0]}" in page, leaks
    assert f"in a split by runs {leaks[1]}" in page, leaks

"""Gender in word vectors, found and taken out (Bolukbasi et al., NeurIPS 2016: "hard debiasing"). See lesson 4."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from shared.errors import LockstepError
from shared.vectors.space import WordVectors, unit

# The ten pairs by which the paper defines the direction (its figure 3), female word first.
DEFINITIONAL_PAIRS = (
    ("she", "he"),
    ("her", "his"),
    ("woman", "man"),
    ("mary", "john"),
    ("herself", "himself"),
    ("daughter", "son"),
    ("mother", "father"),
    ("gal", "guy"),
    ("girl", "boy"),
    ("female", "male"),
)
# Pairs that shall differ in gender and in nothing else: the words above without the names, and others
# of that kind. The selection is ours.
EQUALIZED_PAIRS = (
    *(pair for pair in DEFINITIONAL_PAIRS if pair != ("mary", "john")),
    ("women", "men"),
    ("daughters", "sons"),
    ("mothers", "fathers"),
    ("girls", "boys"),
    ("females", "males"),
    ("sister", "brother"),
    ("sisters", "brothers"),
    ("aunt", "uncle"),
    ("niece", "nephew"),
    ("grandmother", "grandfather"),
    ("granddaughter", "grandson"),
    ("wife", "husband"),
    ("wives", "husbands"),
    ("queen", "king"),
    ("queens", "kings"),
    ("princess", "prince"),
    ("duchess", "duke"),
    ("actress", "actor"),
    ("actresses", "actors"),
    ("heroine", "hero"),
    ("waitress", "waiter"),
    ("hostess", "host"),
    ("nun", "monk"),
    ("goddess", "god"),
    ("widow", "widower"),
    ("lady", "gentleman"),
    ("ladies", "gentlemen"),
    ("spokeswoman", "spokesman"),
    ("businesswoman", "businessman"),
    ("congresswoman", "congressman"),
    ("chairwoman", "chairman"),
)
# Words of which gender is part of the meaning, beside those in pairs: they keep it. Ours too; the
# paper has 218 such words and lets a linear classifier find more.
GENDER_SPECIFIC = (
    "him", "hers", "mary", "john", "bride", "groom", "bridegroom", "boyfriend", "girlfriend", "mom", "dad", "mum",
    "mommy", "daddy", "mama", "papa", "grandma", "grandpa", "stepmother", "stepfather", "stepdaughter", "stepson",
    "sir", "madam", "mrs", "mr", "ms", "miss", "lord", "baroness", "baron", "countess", "empress", "emperor",
    "maternal", "paternal", "maternity", "paternity", "motherhood", "fatherhood", "masculine", "feminine", "bachelor",
    "spinster", "lesbian", "lesbians", "pregnant", "pregnancy", "menopause", "uterus", "ovarian", "vagina", "penis",
    "testicular", "prostate", "beard", "mustache", "manly", "womanly", "boyish", "girlish", "fraternity", "sorority",
    "guys", "gals", "dude", "fella", "chap", "lad", "lads", "lass", "maid", "maiden", "schoolboy", "schoolgirl",
    "cowboy", "cowgirl", "policeman", "policewoman", "policemen", "fireman", "firemen", "salesman", "statesman",
    "sportsman", "sportswoman", "horsemen", "ombudsman", "witch", "wizard", "hen", "rooster", "bull", "mare",
    "stallion", "ewe", "womb", "convent", "monastery", "countrymen", "godfather", "godmother",
)  # fmt: skip
# Occupations, to measure bias on; the paper takes 327 from crowd workers, these are ours.
OCCUPATIONS = (
    "accountant", "architect", "artist", "astronomer", "attorney", "author", "baker", "banker", "barber", "bookkeeper",
    "boss", "broker", "butcher", "captain", "carpenter", "cashier", "chef", "chemist", "cleaner", "clerk", "coach",
    "composer", "cook", "dancer", "dentist", "designer", "detective", "diplomat", "director", "doctor", "economist",
    "editor", "electrician", "engineer", "farmer", "firefighter", "guard", "hairdresser", "historian", "housekeeper",
    "inventor", "janitor", "journalist", "judge", "laborer", "lawyer", "librarian", "magician", "maestro", "manager",
    "mathematician", "mechanic", "musician", "nanny", "novelist", "nurse", "nutritionist", "painter", "paralegal",
    "pediatrician", "philosopher", "photographer", "physician", "physicist", "pilot", "plumber", "poet", "politician",
    "professor", "programmer", "psychologist", "receptionist", "scientist", "secretary", "senator", "sergeant",
    "servant", "sheriff", "singer", "socialite", "soldier", "stylist", "surgeon", "tailor", "teacher", "therapist",
    "translator", "treasurer", "warrior", "writer",
)  # fmt: skip


@dataclass(frozen=True)
class Direction:
    """The gender direction.

    Attributes
    ----------
    vector : <float64>[embedding_size]
        Length 1; it points from the second words of the pairs to the first.
    explained : <float64>[components]
        Share of the pairs' variance along each principal component; `vector` is the first.
    """

    vector: np.ndarray
    explained: np.ndarray


def gender_direction(table: WordVectors, pairs: Sequence[tuple[str, str]] = DEFINITIONAL_PAIRS) -> Direction:
    """Find the direction in which the pairs differ most: PCA of their words about each pair's middle.

    Parameters
    ----------
    table : WordVectors
        Used at length 1.
    pairs : sequence of (str, str)
        Words that differ in gender, always the same one first. Pairs that `table` lacks are passed
        over.

    Raises
    ------
    LockstepError
        If `table` has none of the pairs, or the words of all pairs coincide.
    """
    halves = [(table.unit[first] - table.unit[second]) / 2 for first, second in known_pairs(table, pairs)]
    differences = np.array(halves, np.float64).reshape(-1, table.vectors.shape[1])  # [pairs, embedding_size]
    if not differences.any():
        raise LockstepError(
            "no gender direction: the vectors have none of the pairs such as she and he, or no difference"
        )
    # Both words of a pair lie at plus and minus this half, so the PCA of all words is that of the halves.
    _, deviations, components = np.linalg.svd(differences, full_matrices=False)
    sign = np.sign(components[0] @ differences.sum(axis=0)) or 1.0
    return Direction(sign * components[0], deviations**2 / (deviations**2).sum())


def known_pairs(table: WordVectors, pairs: Iterable[tuple[str, str]]) -> list[tuple[int, int]]:
    """Rows of the pairs both of whose words have a vector."""
    return [(table.rows[first], table.rows[second]) for first, second in pairs if {first, second} <= table.rows.keys()]


def direct_bias(
    table: WordVectors, direction: np.ndarray, words: Iterable[str] = OCCUPATIONS, strictness: float = 1
) -> float:
    """How much words that should be neutral lie along a direction (section 5.2 of the paper).

        DirectBias_c = mean over words of abs(cos(word, direction))^c

    Parameters
    ----------
    table : WordVectors
        Used at length 1.
    direction : <float>[embedding_size]
        Length 1.
    words : iterable of str
        Those that `table` lacks are passed over.
    strictness : float
        c: at 0 any component counts as 1.

    Raises
    ------
    LockstepError
        If `table` has none of the words.
    """
    rows = [table.rows[word] for word in words if word in table.rows]
    if not rows:
        raise LockstepError("no direct bias: the vectors have none of the words")
    return float((np.abs(table.unit[rows] @ direction) ** strictness).mean())


def neutralize(vectors: np.ndarray, direction: np.ndarray) -> np.ndarray:
    """Take a direction out, and scale to length 1.

    Parameters
    ----------
    vectors : <float>[words, embedding_size]
        Any length.
    direction : <float>[embedding_size]
        Length 1.

    Returns
    -------
    <float>[words, embedding_size]
        Orthogonal to `direction`; zero where a vector had no other component.
    """
    return unit(vectors - np.outer(vectors @ direction, direction))


def equalize(first: np.ndarray, second: np.ndarray, direction: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Make two words differ in a direction and in nothing else.

    Parameters
    ----------
    first, second : <float>[embedding_size]
        Of length 1.
    direction : <float>[embedding_size]
        Length 1.

    Returns
    -------
    <float>[embedding_size], <float>[embedding_size]
        Of length 1, and mirror images of each other: at one distance from every word that is
        orthogonal to `direction`.

    Raises
    ------
    LockstepError
        If the two have the same component along `direction`, so that it cannot be told apart.
    """
    side = (first - second) @ direction
    if side == 0:
        raise LockstepError("cannot equalize two words that do not differ along the direction")
    middle = (first + second) / 2
    shared_part = middle - (middle @ direction) * direction
    along = np.sqrt(max(0.0, 1 - shared_part @ shared_part)) * np.sign(side) * direction
    return shared_part + along, shared_part - along


def debias(table: WordVectors, direction: np.ndarray) -> WordVectors:
    """Neutralize every word that is not gender-specific, then equalize the pairs.

    Parameters
    ----------
    table : WordVectors
        Used at length 1.
    direction : <float>[embedding_size]
        As :func:`gender_direction` finds it.

    Returns
    -------
    WordVectors
        The same words, at length 1.
    """
    kept = {word for pair in EQUALIZED_PAIRS for word in pair} | set(GENDER_SPECIFIC)
    neutral = np.array([word not in kept for word in table.words], bool)
    vectors = table.unit.astype(np.float64)
    vectors[neutral] = neutralize(vectors[neutral], direction)
    for first, second in known_pairs(table, EQUALIZED_PAIRS):
        vectors[first], vectors[second] = equalize(vectors[first], vectors[second], direction)
    return WordVectors(table.words, vectors.astype(np.float32))

"""How fast every cleaning step is, beside the way that tutorials show.

``python -m lessons.cleaning_speed`` cleans all packaged reviews our way, and a sample of them with
BeautifulSoup, NLTK's Porter stemmer word by word and a lemmatizer document by document; then it encodes
the reviews, cold and from the cache. The tutorials' other steps are taken to be ours, and the
lemmatizer reads the same table; a spaCy model, which tags and parses first, would be slower still.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence

from bs4 import BeautifulSoup
from nltk.stem import PorterStemmer
from rich.console import Console
from rich.table import Table
from simplemma import text_lemmatizer

from shared.command_line import guarded
from shared.data.encoding import load_corpus
from shared.data.sources import load_reviews
from shared.specification import Specification
from shared.text import STEPS

Steps = Mapping[str, Callable[[str], str]]


def tutorial_steps() -> Steps:
    """Return the steps with those that tutorials write in another way replaced."""
    stem = PorterStemmer().stem
    return {
        **STEPS,
        "html": lambda text: BeautifulSoup(text, "html.parser").get_text(" "),
        "lemmatization": lambda text: " ".join(text_lemmatizer(text, lang="en")),
        "stemming": lambda text: " ".join(stem(word) for word in text.split()),
    }


def seconds_a_review(steps: Steps, texts: Sequence[str]) -> dict[str, float]:
    """Return each step's processor time, which other work on the machine changes little."""
    spent = dict.fromkeys(steps, 0.0)
    for original in texts:
        text = original
        for name, step in steps.items():
            started = time.process_time()
            text = step(text)
            spent[name] += time.process_time() - started
    return {name: seconds / len(texts) for name, seconds in spent.items()}


def show_cleaning(console: Console, reviews: int, sample: int) -> None:
    """Print the time of each step, both ways."""
    texts = load_reviews("packaged").texts[:reviews]
    ours = seconds_a_review(STEPS, texts)
    theirs = seconds_a_review(tutorial_steps(), texts[:: max(1, len(texts) // sample)][:sample])
    table = Table(title=f"milliseconds a review; ours on {len(texts):,}, the tutorials' way on {sample:,} of them")
    for heading in ("step", "ours", "tutorials", "ratio"):
        table.add_column(heading, justify="left" if heading == "step" else "right")
    for name in STEPS:
        table.add_row(name, f"{ours[name] * 1e3:.3f}", f"{theirs[name] * 1e3:.3f}", f"{theirs[name] / ours[name]:.1f}")
    own, other = sum(ours.values()), sum(theirs.values())
    table.add_row("every step", f"{own * 1e3:.3f}", f"{other * 1e3:.3f}", f"{other / own:.1f}", style="bold")
    console.print(table)


def show_encoding(console: Console) -> None:
    """Print how long the default pipeline's encoding takes, cold and from the cache."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["LOCKSTEP_CACHE"] = folder
        for state in ("cold", "from the cache"):
            started = time.perf_counter()
            reviews = sum(map(len, load_corpus(Specification()).texts))
            console.print(f"encoding {reviews:,} reviews, {state}: {time.perf_counter() - started:.2f} s")


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser("python -m lessons.cleaning_speed", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--reviews", type=int, default=25_000, metavar="N", help="cleaned our way; default: 25000")
    parser.add_argument("--sample", type=int, default=500, metavar="N", help="the tutorials' way; default: 500")
    parsed = parser.parse_args(arguments)
    if not 1 <= parsed.sample <= parsed.reviews:
        parser.error("--sample must be at least 1 and at most --reviews")
    console = Console()

    def measure() -> int:
        show_cleaning(console, parsed.reviews, parsed.sample)
        show_encoding(console)
        return 0

    return guarded(measure)


if __name__ == "__main__":
    sys.exit(main())

# %% [markdown]
# # 2. Cleaning text
#
# **After this lesson you can**
#
# - turn a raw review into words in eight steps, and say what each step takes away;
# - write the short steps yourself, and name the places where short rules fail;
# - keep the word *not*, which usual recipes lose;
# - measure what a step does to a classifier, with an interval, before you believe in it.
#
# You need Python and a little of regular expressions. [Lesson 1](lesson_01_why_order_matters.ipynb) explains why the order of
# words matters; its bag of words is used here.

# %% [markdown]
# ## The thrifty correspondent
#
# In 1930 a newspaper sends a man to the festival. He wires his reviews home, and the telegraph office charges by the word.
# He learns to be thrifty. *The* goes first, then *is*, *it* and *do*. Nobody at home misses them. He leaves out the
# endings too: *actor good, story mov*. They understand him.
#
# One evening he looks at a list of the words that he uses most, to see what else can go. There is a little word of three
# letters that he uses all the time. He crosses it out. That night he wires:
#
# > FILM GOOD SEE
#
# He had meant: *the film is not good, do not see it*.
#
# This is cleaning. It makes a text shorter and more regular, and each step is sensible. Each step also throws something
# away, and the text cannot tell you afterwards what it was.

# %% [markdown]
# ## A row of functions
#
# A step takes a text and gives a text. Cleaning applies them one after the other:
#
# $$\operatorname{clean}(x) = f_8(f_7(\cdots f_2(f_1(x))))$$
#
# | symbol | step | what it does |
# | --- | --- | --- |
# | $x$ | | the raw text, a string of any length |
# | $f_1$ | HTML | takes out tags such as `<br />`, turns `&amp;` into & |
# | $f_2$ | accents | `Léon` becomes `Leon` |
# | $f_3$ | contractions | `wasn't` becomes `was not` |
# | $f_4$ | lower case | `The` and `the` become one word |
# | $f_5$ | special characters and digits | only letters stay, and apostrophes inside words |
# | $f_6$ | stop words | frequent words that say little go: *the*, *for*, *i* |
# | $f_7$ | lemmatization | each word becomes its form in a dictionary: `minutes` becomes `minute` |
# | $f_8$ | stemming | endings are cut off: `feeling` becomes `feel`, `movies` becomes `movi` |
#
# The order matters. A step can only find what no earlier step has taken away. We come back to that.
#
# Here are five of the eight, each in a line or two. The other three, contractions, lemmatization and stemming, need a table
# of words or a page of rules. For these we use the project's functions.

# %% tags=["hide-input"]
from __future__ import annotations

import html
import re
import unicodedata
from collections import Counter
from collections.abc import Callable
from itertools import product

import numpy as np

from lessons.show import COLOURS, axes_of, claim, interaction, picture
from shared.data.sources import load_reviews
from shared.text import STEPS, Pipeline, Vocabulary, tokenize
from shared.text.words import NEGATIONS, OPINIONS, stop_words
from shared.vectors import load_vectors

# %%
Step = Callable[[str], str]


def f_1(text: str) -> str:
    """HTML: a space for each tag, and characters for their names."""
    return html.unescape(re.sub(r"<[^>]+>", " ", text)).strip()


def f_2(text: str) -> str:
    """Accents: take letters and their accents apart, and leave the accents out."""
    return "".join(one for one in unicodedata.normalize("NFD", text) if not unicodedata.combining(one))


f_3 = STEPS["contractions"]
f_4 = str.lower


def f_5(text: str) -> str:
    """Special characters and digits: keep runs of letters, with apostrophes between them."""
    return " ".join(re.findall(r"[a-zA-Z]+(?:'[a-zA-Z]+)*", text))


def f_6(text: str) -> str:
    """Stop words: keep the others."""
    return " ".join(word for word in text.split() if word not in stop_words())


f_7, f_8 = STEPS["lemmatization"], STEPS["stemming"]

# %%
EIGHT: dict[str, tuple[Step, list[str]]] = {  # ours, and the project's names for the same
    "HTML": (f_1, ["html"]),
    "accents": (f_2, ["accents"]),
    "contractions": (f_3, ["contractions"]),
    "lower case": (f_4, ["lower_case"]),
    "special characters, digits": (f_5, ["special_characters", "digits"]),
    "stop words": (f_6, ["stop_words"]),
    "lemmatization": (f_7, ["lemmatization"]),
    "stemming": (f_8, ["stemming"]),
}
ALL = [name for _, names in EIGHT.values() for name in names]
LEON = "<b>Léon</b>: I wasn't bored for 110 minutes!"

stages = [("raw", LEON)]
for name, (f, _) in EIGHT.items():
    stages.append((name, f(stages[-1][1])))
for name, text in stages:
    print(f"{name:28}{text}")

# %%
with picture(
    "One sentence through the eight steps. In colour: what the next step will change or take away.",
    "Nine lines, from the raw sentence with its tags down to the four stems leon, not, bore and minut. "
    "In each line the words that the next step changes are coloured.",
    width=5.2,
    height=6,
) as figure:
    (axes,) = axes_of(figure)
    for row, (name, text) in enumerate(stages):
        after = stages[row + 1][1].split() if row < 8 else text.split()
        axes.text(0, 2 * row, name, va="center", size=9, alpha=0.7)
        for found in re.finditer(r"\S+", text):
            stays = found[0] in after
            axes.text(
                found.start(), 2 * row + 0.8, found[0], va="center", family="monospace", size=11,
                color="black" if stays else COLOURS[1],
            )  # fmt: skip
    axes.set(xlim=(0, 44), ylim=(17.5, -0.7))
    axes.axis("off")
claim("four words are left, and “not” is one of them", stages[-1][1] == "leon not bore minut")

# %% [markdown]
# How far do the short versions carry? The project's steps read any text that people write: other scripts, emoji, comments
# in the HTML, entities that are broken. On real film reviews the difference is small but not nothing.

# %%
reviews = load_reviews("packaged")
sample = [reviews.texts[row] for row in range(0, 25_000, 50)]
theirs = Pipeline(ALL)
same = 0
for text in sample:
    cleaned = text
    for f, _ in EIGHT.values():
        cleaned = f(cleaned)
    same += cleaned == theirs(text)
claim(
    f"of {len(sample)} real reviews, our row of steps gives {same} exactly as the project's does",
    len(sample) * 0.75 < same < len(sample),
)

# %% [markdown]
# One more example, a line of a song with a tag around it. Here is each step by itself, on a text that has something for it:

# %%
SONG, WRITTEN_OUT = "I don't know about you but i'm feeling 22", "I do not know about you but i am feeling 22"
EXPECTED = [
    ("html", f"<h2>{SONG}</h2>", SONG),
    ("accents", "Sómě Áccěntěd těxt", "Some Accented text"),
    ("contractions", SONG, WRITTEN_OUT),
    ("special_characters,digits", WRITTEN_OUT.replace("you", "@you"), "I do not know about you but i am feeling"),
    ("stemming", WRITTEN_OUT, "I do not know about you but i am feel 22"),
    ("lemmatization", "I do not know about you but i am feel 22", "I do not know about you but i be feel 22"),
    ("stop_words", "I do not know about you but i be feel 22", "not know feel 22"),
]
for steps, given, wanted in EXPECTED:
    claim(f"{steps}: “{given}” becomes “{wanted}”", Pipeline.parse(steps)(given) == wanted)
stop_words_last = "html,contractions,special_characters,stemming,lemmatization,stop_words"
claim(
    "six of them, the stop words last, give “not know feel 22”; all eight in our order give “not know feel”",
    Pipeline.parse(stop_words_last)("<h2>I don't know about @you but i'm feeling 22</h2>") == "not know feel 22"
    and Pipeline(ALL)("<h2>I don't know about @you but i'm feeling 22</h2>") == "not know feel",
)

# %% [markdown]
# ## “not” survives
#
# Lists of stop words are made by frequency. The most frequent words of English are *the*, *of*, *and* … and *not*, *no* and
# *never* are not far behind. So they are on the usual lists. For finding documents about whales that does no harm. For
# opinions it is the correspondent's telegram. The project takes a well-known list and leaves negations and words of opinion
# out of it.

# %%
USUAL = stop_words() | NEGATIONS | OPINIONS


def usual_stop_words(text: str) -> str:
    """Leave out the words of the usual list, negations among them."""
    return " ".join(word for word in text.split() if word not in USUAL)


telegram = "the film is not good do not see it"
claim(
    f"the usual list leaves “{usual_stop_words(telegram)}”, the project's “{f_6(telegram)}”",
    usual_stop_words(telegram) == "film good" and f_6(telegram) == "film not good not",
)
forms = ["not", "no", "never", "nothing", "nobody", "without", "don't", "isn\u2019t", "WON'T", "can't", "ain't"]
left = {form: theirs(f"this film {form} good").split() for form in forms}
claim(
    f"all eight steps leave a negation of each of {len(forms)} forms; of “this film WON'T good”: {' '.join(left[forms[8]])}",
    all({"not", "no", "never", "noth", "nobodi", "without"} & set(words) for words in left.values()),
)
negated = float(np.mean([bool(NEGATIONS & set(tokenize(f_3(text).lower()))) for text in sample]))
claim(f"{negated:.0%} of the reviews have a negation to lose", negated > 0.9)

# %% [markdown]
# ## Try it
#
# Switch steps off and on. They stay in their order.


# %%
def every_choice(text: str) -> tuple[list[str], list[int]]:
    """Return the different results of the 256 choices of steps, and which of them each choice has.

    Bit k of a choice's number stands for step k.
    """
    results = []
    for chosen in product((False, True), repeat=8):
        steps = [names for names, on in zip(reversed(EIGHT.values()), chosen, strict=True) if on]
        results.append(Pipeline([name for _, names in reversed(steps) for name in names])(text))
    different = list(dict.fromkeys(results))
    return different, [different.index(result) for result in results]


SENTENCES = [
    "<p>The café scenes aren't funny.<br />Nothing in these 2 hours made me laugh, and it's NOT the actors' fault!</p>",
    LEON,
    "<h2>I don't know about @you but i'm feeling 22</h2>",
]
choices = [every_choice(text) for text in SENTENCES]
claim(
    f"the 256 choices of steps make {len(choices[0][0])} different texts of the first sentence",
    len(choices[0][0]) > 100 and choices[1][0][choices[1][1][255]] == "leon not bore minut",
)
interaction(
    "lesson_02",
    {"steps": list(EIGHT), "sentences": SENTENCES, "results": choices},
    "Choose the steps. What is lost, and does the negation stay?",
)

# %% [markdown]
# ## What is a step worth?
#
# It is often said that cleaning makes a classifier better. Let us measure it. The classifier is naive Bayes, which learns in
# a second: each word gets a weight, and a review is positive if the weights of its words add up to more than 0.
#
# $$w_v = \ln \frac{1 + n_v^+}{N^+} - \ln \frac{1 + n_v^-}{N^-} \qquad s = \sum_{v \,\in\, \text{review}} w_v$$
#
# To compare two ways of cleaning, ask both about the same test reviews. For review $i$ let $d_i$ be 1 if only the new way is
# right, $-1$ if only the old one is, and 0 otherwise. The difference of the accuracies is the mean of $d$, and it is known up
# to
#
# $$\bar d \pm 1.96 \, \frac{\sigma_d}{\sqrt n}$$
#
# | symbol | what it is | shape here |
# | --- | --- | --- |
# | $n_v^+$, $n_v^-$ | how many positive and negative reviews have word $v$ | one for each word |
# | $N^+$, $N^-$ | how many positive and negative reviews there are to learn from | numbers |
# | $w_v$ | the weight of word $v$ | one for each word |
# | $d$ | who is right, new way against old way | one for each test review |
# | $\bar d$, $\sigma_d$ | its mean and its standard deviation | numbers |
# | $n$ | how many test reviews | a number |
#
# This is a 95 % interval: with other test reviews the difference would come out elsewhere, and in 95 of 100 such repetitions
# the interval holds the true one. If zero is in it, we have not seen that the step does anything.
#
# Every second packaged review is used. Reviews of one film stand side by side in the data, so we cut it into runs of about 500
# and take turns: one run to learn from, one to test with.

# %%
rows = np.arange(0, 25_000, 2)
raw = [reviews.texts[row] for row in rows.tolist()]
y = np.array(reviews.labels)[rows]
test = np.array(reviews.groups)[rows] % 2 == 1
print((~test).sum(), "reviews to learn from,", test.sum(), "to test with")


def once(review: np.ndarray, v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Keep each term of a review once; return reviews and terms."""
    both = np.sort(review * (v.max() + 1) + v)
    return np.divmod(both[np.diff(both, prepend=-1) > 0], v.max() + 1)


def terms(cleaned: list[list[str]]) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return which review has which term; terms are words, or words and pairs of neighbours."""
    numbers: dict[str, int] = {}
    v = np.array([numbers.setdefault(word, len(numbers)) for words in cleaned for word in words])
    review = np.repeat(np.arange(len(cleaned)), [len(words) for words in cleaned])
    beside = review[1:] == review[:-1]
    _, pair = np.unique((v[:-1] * len(numbers) + v[1:])[beside], return_inverse=True)
    with_pairs = np.concatenate([review, review[1:][beside]]), np.concatenate([v, len(numbers) + pair])
    return {"words": once(review, v), "pairs": once(*with_pairs)}


def naive_bayes(review: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Learn the weights, and say for each test review whether the answer is right."""
    learn = ~test[review]
    n_positive = np.bincount(v[learn & (y[review] == 1)], minlength=v.max() + 1)
    n_negative = np.bincount(v[learn & (y[review] == 0)], minlength=v.max() + 1)
    w = np.log((1 + n_positive) / (y[~test] == 1).sum()) - np.log((1 + n_negative) / (y[~test] == 0).sum())
    s = np.bincount(review, w[v], minlength=len(y))
    return ((s > 0) == (y == 1))[test]


def difference(new: np.ndarray, old: np.ndarray) -> tuple[float, float]:
    """Return the difference of two accuracies and half the width of its interval, in points."""
    d = new.astype(float) - old
    return 100 * float(d.mean()), 196 * float(d.std()) / np.sqrt(len(d))


# %% [markdown]
# Now each step alone, on the raw text, against no cleaning at all; then all eight in a row. Each is measured twice: with
# single words, where order plays no part, and with pairs of neighbouring words as well, which is a first bit of order.

# %%
Right = dict[str, np.ndarray]  # for "words" and "pairs": whether each answer is right


def measure(clean: Step) -> tuple[Right, int]:
    """Clean the reviews; return who is right, and how many different words are left."""
    found = terms([tokenize(clean(text)) for text in raw])
    _, v = found["words"]
    return {kind: naive_bayes(*each) for kind, each in found.items()}, int(v.max()) + 1


uncleaned, words_raw = measure(str)
differences = {}
for name, names in {**{name: names for name, (_, names) in EIGHT.items()}, "all eight": ALL}.items():
    right, different = measure(Pipeline(names))
    differences[name] = [difference(right[kind], uncleaned[kind]) for kind in ("words", "pairs")]
    shown = "   ".join(f"{mean:+.2f} ± {half:.2f}" for mean, half in differences[name])
    print(f"{name:28}{different:7,} different words   {shown}")
words_all = different

# %%
with picture(
    "What each step alone does to accuracy. No interval lies above zero; two of them lie far below.",
    "For each step two points with intervals. With single words all lie within a point of zero. With pairs, stop words "
    "and all eight steps lie two to three points below it.",
    width=5.2,
    height=4.6,
) as figure:
    (axes,) = axes_of(figure)
    axes.axvline(0, color="black", linestyle=":", linewidth=1)
    for kind, (colour, symbol) in enumerate(((COLOURS[0], "o"), (COLOURS[1], "s"))):
        means, halves = np.array([two[kind] for two in differences.values()]).T
        places = np.arange(len(means)) + 0.3 * kind
        axes.errorbar(means, places, xerr=halves, fmt=symbol, color=colour, markersize=5, linewidth=1.5)
    axes.text(-3.6, -0.15, "● words", color=COLOURS[0], va="center")
    axes.text(-3.6, 0.55, "■ words and pairs", color=COLOURS[1], va="center")
    axes.set_yticks(np.arange(9) + 0.15, [name.replace(", ", ",\n") for name in differences])
    axes.set(xlabel="difference of accuracy, points", xlim=(-3.8, 1.2), ylim=(8.8, -0.7))

# %%
accuracy = {kind: float(uncleaned[kind].mean()) for kind in uncleaned}
claim(
    f"without any cleaning: {accuracy['words']:.1%} with words, {accuracy['pairs']:.1%} with words and pairs",
    0.80 < accuracy["words"] < accuracy["pairs"] - 0.02 < 0.88,
)
single = {name: two[0] for name, two in differences.items() if name != "all eight"}
lowest = max(mean - half for two in differences.values() for mean, half in two)
claim(
    f"of {2 * len(differences)} intervals none lies above zero: no step, nor all of them, is seen to help", lowest < 0
)
unseen = [name for name, (mean, half) in single.items() if abs(mean) < half]
best, worst = max(mean for mean, _ in single.values()), min(mean for mean, _ in single.values())
claim(
    f"with single words, {len(unseen)} of the 8 steps have zero in their interval; the best step gives {best:+.1f} points, "
    f"the worst {worst:+.1f}",
    len(unseen) >= 4 and best < 0.7 and worst > -1.3,
)
claim(
    f"all eight together cut the {words_raw:,} different words to {words_all:,}, and gain nothing: "
    "{:+.1f} ± {:.1f} points".format(*differences["all eight"][0]),
    words_all < 0.6 * words_raw and differences["all eight"][0][0] < 0.3,
)
claim(
    "with pairs, leaving out stop words costs {:+.1f} ± {:.1f} points, all eight steps {:+.1f} ± {:.1f}".format(
        *differences["stop words"][1], *differences["all eight"][1]
    ),
    all(differences[name][1][0] + differences[name][1][1] < -0.5 for name in ("stop words", "all eight")),
)

# %% [markdown]
# So there is the lesson in two lines. For a bag of words, cleaning is mostly a matter of size: nearly the same accuracy with
# half as many words. For a reader of order, cleaning can do harm, because what it throws away is what order is made of.
#
# Two cautions. The intervals speak of other test reviews only; with other reviews to learn from, the weights would come out
# a little different too. And nine intervals of 95 % were drawn in each colour. Even if no step did anything, one of them
# would miss zero now and then. [Lesson 15](lesson_15_reading_a_comparison.ipynb) is about that.
#
# ## Clean for what comes next
#
# The networks of this project start from word vectors that others have learnt ([lesson 4](lesson_04_words_as_vectors.ipynb)).
# There is a vector for *movie*. Is there one for *movi*?


# %%
def known_share(names: list[str]) -> float:
    """Return the share of the words of the sample that have a vector."""
    count = Counter(word for text in sample for word in tokenize(Pipeline(["html", "lower_case", *names])(text)))
    found = load_vectors("glove", Vocabulary(("<pad>", "<unk>", *count)), 50).found[2:]
    return float(np.array(list(count.values())) @ found / count.total())


movie, movi = load_vectors("glove", Vocabulary(("<pad>", "<unk>", "movie", "movi")), 50).found[2:]
claim("“movie” has a vector, “movi” has none", bool(movie) and not movi)
share = {name: known_share(names) for name, names in {"": [], **{n: [n] for n in ("contractions", "stemming")}}.items()}
claim(
    f"with tags out and lower case {share['']:.1%} of the words have a vector, with contractions written out "
    f"{share['contractions']:.1%}, with stemming only {share['stemming']:.1%}",
    share["contractions"] > share[""] > share["stemming"] + 0.05,
)

# %% [markdown]
# That is why the project's default is short: HTML out, apostrophes straight, lower case. Everything else can be asked for
# with `--cleaning`. A trained model keeps the names of its steps, so that a new review is cleaned as those were that it
# learnt from.

# %% [markdown]
# ## Where the texts disagree, or err
#
# **`[^a-zA-z]` is not “everything but letters”.** The range `A-z` with a small z runs through the six characters between `Z`
# and `a` too, and none of them is a letter:

# %%
kept = [chr(code) for code in range(128) if not re.match("[^a-zA-z]", chr(code)) and not chr(code).isalpha()]
claim(f"this pattern also keeps {' '.join(kept)}", kept == list("[\\]^_`"))
claim("the project's step does not", STEPS["special_characters"]("a[b]c\\d^e_f`g") == "a b c d e f g")

# %% [markdown]
# **Tags and signs are often replaced by nothing.** Then the words to their left and right become one word that nobody ever
# wrote. Put a space there, and they stay two:


# %%
def by_nothing(text: str) -> str:
    """Take tags and special characters out, and put nothing in their place."""
    return re.sub(r"[^a-zA-Z0-9\s]", "", re.sub(r"<[^>]*>", "", text))


claim(
    f"“good<br /><br />film” becomes “{by_nothing('good<br /><br />film')}”, with a space it stays two words",
    by_nothing("good<br /><br />film") == "goodfilm" and f_1("good<br /><br />film").split() == ["good", "film"],
)
broken = 0
for text in sample:
    whole = {word.replace("'", "") for word in STEPS["special_characters"](f_2(f_1(text))).split()}
    broken += not set(by_nothing(f_2(text)).split()) <= whole
claim(f"in {broken / len(sample):.0%} of the reviews this joins words", broken > 0.5 * len(sample))

# %% [markdown]
# **Negations go with the stop words**, as we saw. Often contractions are expanded first, so that *don't* becomes *do not*, and
# then both words are on the list. The careful first step makes the loss complete.
#
# **Contractions are often expanded with a dictionary**: find each key in the text, put its value there. That is a fine first
# idea, and it breaks in three ways:


# %%
def by_dictionary(text: str) -> str:
    """Replace what stands in a dictionary."""
    for short, long in {"it's": "it is", "i'm": "i am", "don't": "do not", "he'd": "he would"}.items():
        text = text.replace(short, long)
    return text


for why, before, wrong, correct in (
    ("keys are found inside other words", "the spirit's voice", "the spirit is voice", "the spirit's voice"),
    ("capitals and curly apostrophes are missed", "Don\u2019t go", "Don\u2019t go", "Do not go"),
    ("one short form has two meanings", "he'd seen it", "he would seen it", "he had seen it"),
):
    claim(f"{why}: “{before}” becomes “{wrong}”", by_dictionary(before) == wrong and f_3(before) == correct)

# %% [markdown]
# The project's rules look at whole words and at the word after them: before *seen* or *been*, *'d* is *had*. They leave
# *director's* alone, because that is no *director is*.
#
# **“Cleaning is slow.”** It is, if a parser is built for every tag and a lemmatizer reads whole documents. `python -m
# lessons.cleaning_speed` measures both ways ({source}`lessons/cleaning_speed.py#main`).

# %% [markdown]
# ## Exercises
#
# ### Exercise 1
#
# Many recipes put the stop words last, after stemming. Then some of them are no longer on the list: *very* has become
# *veri*. How many words of the list does stemming hide?

# %% tags=["solution"]
gone = sorted(word for word in stop_words() if f_8(word) not in stop_words())
print(len(gone), "of", len(stop_words()), "for example", ", ".join(f"{word} → {f_8(word)}" for word in gone[:8]))
claim(
    f"stemming hides {len(gone)} of {len(stop_words())} stop words, “very” among them",
    "very" in gone and len(gone) > 30,
)

# %% [markdown]
# ### Exercise 2
#
# Write a step for *'s* alone: it is a verb after *it, he, she, that, there, what* and *who*, and stays after any other word.
# Before *been* and *got* the verb is *has*. Test it against the project's step.


# %% tags=["solution"]
def expand_s(text: str) -> str:
    """Write “it's” out as “it is” or “it has”."""

    def verb(found: re.Match[str]) -> str:
        return f"{found[1]} {'has' if found[2] in ('been', 'got') else 'is'}"

    return re.sub(r"\b(it|he|she|that|there|what|who)'s\b(?=\s+(\w+)|)", verb, text)


phrases = ["it's a film that's good", "it's been long", "the director's cut", "the spirit's voice", "who's got time"]
claim("our step and the project's agree on five phrases", all(expand_s(phrase) == f_3(phrase) for phrase in phrases))

# %% [markdown]
# ### Exercise 3
#
# How much do the negations help a classifier that reads pairs? Clean with the usual list (`USUAL`) and with the project's,
# and give the difference with its interval. First lower the case and take special characters out, so that both lists find
# their words.

# %% tags=["solution"]
before_it = Pipeline(["html", "lower_case", "special_characters"])
without_not = measure(lambda text: usual_stop_words(before_it(text)))[0]
with_not = measure(lambda text: f_6(before_it(text)))[0]
mean, half = difference(with_not["pairs"], without_not["pairs"])
claim(f"with pairs, keeping negations is worth {mean:+.1f} ± {half:.1f} points", mean - half > 0.2)

# %% [markdown]
# ## Where this is in the project
#
# - {source}`shared/text/pipeline.py#Pipeline`: steps by name, one after the other.
# - {source}`shared/text/characters.py#remove_html`, {source}`shared/text/contractions.py#expand_contractions`,
#   {source}`shared/text/words.py#remove_stop_words`: three of the steps, with their rules.
# - {source}`shared/text/tokens.py#tokenize`: how the cleaned text is cut into words.
# - `python -m keras_impl train --cleaning html,contractions,lower_case` trains a network on reviews that were cleaned so.
#
# Next: [how words become numbers](lesson_03_words_as_counts.ipynb).

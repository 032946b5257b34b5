# %% [markdown]
# # 4. Words as vectors, and their bias
#
# **After this lesson you can**
#
# - say what word vectors are trained to do, and write the loss of skip-gram with negative sampling and of GloVe;
# - measure how alike two words are, and ask an analogy without being fooled by the answer;
# - find a gender direction in the vectors, take it out, and say what is still there.
#
# You need dot products, the sigmoid, and Python. [The lesson before](lesson_03_words_as_counts.ipynb) turned texts into
# counts; there, no two words were more alike than any other two.

# %% [markdown]
# ## What is a morvel?
#
# A friend has moved abroad and writes home. In one letter you read: *we had the morvel after dinner*. In another: *the morvel
# was too sweet*. And: *she cut the morvel with a knife*. After three letters you could order one. Nobody told you what a
# morvel is. You know it from the words around it, because you have met pies and cakes in the same places. The linguist
# J. R. Firth said in 1957 that a word is known by the company it keeps.
#
# The letters tell you something else as well. In all of them it is *she* who feeds the horses and *he* who saddles them. Your
# friend never says that feeding is for women. After enough letters you may believe it all the same.
#
# Word vectors learn from company alone. So they learn both.

# %% [markdown]
# ## The equations
#
# Give each word two vectors: $w$ for itself and $c$ for when it is company, a **context word**. Look at a word $i$ with a
# word $o$ near it. **Skip-gram with negative sampling** (Mikolov et al. 2013) draws $K$ other words $k$ at random, the
# **noise**, and asks of each pair: did it stand in the text, or was it drawn? Its loss for one pair is
#
# $$J_{io} = -\ln \sigma(c_o \cdot w_i) - \sum_{k=1}^{K} \ln \sigma(-c_k \cdot w_i)$$
#
# **GloVe** (Pennington et al. 2014) first counts how often each two words stand near each other, $X_{ij}$, and fits the
# logarithms of the counts:
#
# $$J = \sum_{ij} f(X_{ij}) \left(w_i \cdot c_j + b_i + d_j - \ln X_{ij}\right)^2 \qquad
# f(x) = \min\left(1, (x / 100)^{3/4}\right)$$
#
# | symbol | what it is | shape here |
# | --- | --- | --- |
# | $w_i$, $c_j$ | vector of word $i$, and of word $j$ as a context | 10 in the letters, 50 later |
# | $\sigma$ | the sigmoid, $1 / (1 + e^{-s})$ | |
# | $K$ | noise words for each true pair | 5 |
# | $X$ | how often words stand near each other | words × words |
# | $b_i$, $d_j$ | biases: they take up how frequent a word is | one number each |
# | $f$ | how much a pair counts | one number a pair |
# | $g$ | a direction of length 1, further below | 50 |

# %% tags=["hide-input"]
from __future__ import annotations

import numpy as np

from lessons.show import COLOURS, axes_of, claim, interaction, picture, read_results
from shared.vectors import debiasing, read_vectors
from shared.vectors.evaluation import ANALOGY_TASK, read_analogies, task_file
from shared.vectors.glove import Cooccurrences, Parameters, cost_and_gradient
from shared.vectors.map import chosen_words, label_places, project

# %%
FOOD, ANIMALS = ("cake", "pie", "pudding", "morvel"), ("horse", "donkey", "mule", "pony")
SAID_OF = {
    FOOD: ["we had the {} after dinner", "she cut the {} with a knife", "he ate all of the {}", "the {} was too sweet"],
    ANIMALS: ["we rode the {} to town", "she fed the {} some hay", "he put a saddle on the {}", "the {} was too slow"],
}


def write_letters(seed: int = 0) -> list[list[str]]:
    """Write forty sentences about each thing, but six about the morvel."""
    generator = np.random.default_rng(seed)
    return [
        sentences[generator.integers(4)].format(thing).split()
        for things, sentences in SAID_OF.items()
        for thing in things
        for _ in range(6 if thing == "morvel" else 40)
    ]


letters = write_letters()
words = sorted({word for sentence in letters for word in sentence})
ids = {word: number for number, word in enumerate(words)}
pairs = np.array([(ids[i], ids[o]) for text in letters for a, i in enumerate(text) for o in text[:a] + text[a + 1 :]])
print(f"{len(letters)} sentences, {len(words)} words, {len(pairs):,} pairs of words that stand together")

# %% [markdown]
# The gradient of the loss is short. The true context pulls the word towards itself, the stronger the less the model believes
# in the pair. Each noise word pushes it away, the stronger the more the model believes in that pair.
#
# The code does many pairs at once. `w_i` and `c_o` have one row for each pair; `c_k` has $K$ rows for each pair. To multiply
# them, `w_i[:, None]` gives the word's vector an axis of length 1 in the middle. NumPy then lets it meet each of the $K$ noise
# vectors, and the sum over the last axis makes the dot products.


# %%
def sigma(s: np.ndarray) -> np.ndarray:
    """Squeeze numbers into 0 to 1."""
    return 1 / (1 + np.exp(-s))


def skip_gram(w_i: np.ndarray, c_o: np.ndarray, c_k: np.ndarray) -> tuple[float, np.ndarray, np.ndarray, np.ndarray]:
    """Return the loss summed over pairs, and its gradient by w_i, c_o and c_k."""
    true, drawn = (w_i * c_o).sum(axis=1), (w_i[:, None] * c_k).sum(axis=2)  # [pairs], [pairs, K]
    loss = -np.log(sigma(true)).sum() - np.log(sigma(-drawn)).sum()
    pull, push = (1 - sigma(true))[:, None], sigma(drawn)[:, :, None]
    return float(loss), (push * c_k).sum(axis=1) - pull * c_o, -pull * w_i, push * w_i[:, None]


def train(seed: int, epochs: int = 20, K: int = 5, rate: float = 0.1) -> np.ndarray:
    """Train vectors of ten numbers on the letters; return them at length 1."""
    generator = np.random.default_rng(seed)
    w, c = 0.1 * generator.normal(size=(len(words), 10)), np.zeros((len(words), 10))
    frequent = np.bincount(pairs[:, 0]) ** 0.75  # noise: frequent words more often, but not in proportion
    for _ in range(epochs):
        order = generator.permutation(len(pairs))
        noise = generator.choice(len(words), size=(len(pairs), K), p=frequent / frequent.sum())
        for few in np.array_split(order, len(order) // 50):
            (i, o), k = pairs[few].T, noise[few]
            _, *gradients = skip_gram(w[i], c[o], c[k])
            for vectors, rows, gradient in zip((w, c, c), (i, o, k), gradients, strict=True):
                np.subtract.at(vectors, rows, rate * gradient)  # a word that comes twice is moved twice
    return w / np.linalg.norm(w, axis=1, keepdims=True)


# %% [markdown]
# Two words are as alike as their directions: the **cosine** of the angle between the vectors, which is the dot product when
# both have length 1.

# %%
trained = [train(seed) for seed in range(5)]
nearest = []
for w in trained:
    order = np.argsort(-(w @ w[ids["morvel"]]))[1:4]
    nearest.append([words[n] for n in order])
    print("nearest to “morvel”:", *(f"{words[n]} {w[n] @ w[ids['morvel']]:.2f}" for n in order))
claim(
    f"for all {len(nearest)} starting points the three nearest to “morvel” are cake, pie and pudding",
    all(sorted(three) == ["cake", "pie", "pudding"] for three in nearest),
)
lean = {word: np.mean([w[ids[word]] @ (w[ids["she"]] - w[ids["he"]]) for w in trained]) for word in ("fed", "ate")}
claim(
    f"“fed” is nearer to “she” than to “he”, by {lean['fed']:.2f}; “ate” is nearer to “he”, by {-lean['ate']:.2f}",
    lean["fed"] > 0.2 and lean["ate"] < -0.05,
)

# %% [markdown]
# Nobody said that a morvel is a kind of cake, and nobody said that feeding is for women. It is all company.
#
# ## Six billion words
#
# Real vectors are trained on real text. GloVe's were fitted to six billion words of Wikipedia and news, 50 numbers a word;
# they come with the project. First, that we mean the same loss as {source}`shared/vectors/glove.py#cost_and_gradient`:


# %%
def f(x: np.ndarray) -> np.ndarray:
    """Say how much a pair counts that was seen x times."""
    return np.minimum(1, (x / 100) ** 0.75)


generator = np.random.default_rng(0)
X = generator.uniform(1, 300, size=(6, 6))
w, c, b, d = (generator.normal(size=shape) for shape in ((6, 3), (6, 3), (6,), (6,)))
J = (f(X) * (w @ c.T + b[:, None] + d - np.log(X)) ** 2).sum()
rows, columns = (place.ravel() for place in np.indices(X.shape))
J_project = cost_and_gradient(Parameters(w, c, b, d), Cooccurrences(rows, columns, X.ravel()))[0]
claim(f"GloVe's loss here and in the project: {J:.6f} and {J_project:.6f}", np.isclose(J, J_project, rtol=1e-9))

# %%
table = read_vectors("glove", 40_000)  # the most frequent words
unit = table.unit.astype(np.float64)


def cosine(first: str, second: str) -> float:
    """Return how alike two words are: 1 is the same direction, 0 a right angle."""
    return float(unit[table.row(first)] @ unit[table.row(second)])


claim(
    f"“awful” is nearer to “terrible” ({cosine('awful', 'terrible'):.2f}) than to “tuesday” ({cosine('awful', 'tuesday'):.2f})",
    cosine("awful", "terrible") > 0.8 > 0.4 > cosine("awful", "tuesday"),
)
opposites = cosine("good", "bad")
claim(f"but the opposites “good” and “bad” are near as well: {opposites:.2f}", opposites > 0.7)

# %% [markdown]
# Opposites keep the same company: a film is *good*, a film is *bad*. That is one reason why a classifier of reviews goes on
# training its vectors.
#
# Fifty numbers cannot be drawn. **t-SNE** (van der Maaten & Hinton 2008) looks for places in the plane such that words that
# were neighbours stay neighbours.

# %%
groups = chosen_words(table, ["awful", "wonderful", "actor", "doctor", "king", "coffee"], 4)
places = project(table.unit[[table.row(word) for word in groups]], seed=0)
low, high = places.min(axis=0), places.max(axis=0)
points = [45, 20] + (places - low) / (high - low) * [220, 215]
names = list(dict.fromkeys(groups.values()))
with picture(
    "t-SNE puts words of one kind side by side. “Awful” and “wonderful” are of one kind, too.",
    "Words in the plane in six clouds: " + "; ".join(f"{name} and its neighbours" for name in names) + ".",
    height=5.4,
) as figure:
    (axes,) = axes_of(figure)
    # The points come first, as words of no length, so that no label covers one.
    dots = points - [4, 0]
    corners = label_places(np.vstack([dots, points]), [""] * len(points) + list(groups))[len(points) :]
    for point, corner, (word, group) in zip(points, corners, groups.items(), strict=True):
        axes.plot(*point, ".", color=COLOURS[names.index(group)], markersize=9)
        weight = "bold" if word == group else "normal"
        right = corner[0] > point[0]
        end = point[0] + (4 if right else -4), corner[1] + 3
        axes.plot(*zip(point, end, strict=True), color=COLOURS[names.index(group)], linewidth=0.7)
        axes.text(end[0], end[1], word, weight=weight, ha="left" if right else "right", va="center")
    axes.set(xlim=(0, 335), ylim=(0, 260))
    axes.set_axis_off()

# %%
apart = np.linalg.norm(places[:, None] - places, axis=2) + np.diag([np.inf] * len(places))
kinds = np.array(list(groups.values()))
together = float((kinds[apart.argmin(axis=1)] == kinds).mean())
claim(f"in the picture the nearest word is of the same group for {together:.0%} of the words", together > 0.7)
near_awful = {name: cosine("awful", name) for name in names[1:]}
claim(
    "the cosine of “awful” is " + ", ".join(f"{value:.2f} with “{name}”" for name, value in near_awful.items()),
    near_awful["wonderful"] > 0.1 + max(value for name, value in near_awful.items() if name != "wonderful"),
)

# %% [markdown]
# Read neighbours from such a picture, not distances. t-SNE gives every group about the same room, and where the groups lie to
# each other is partly chance.

# %% [markdown]
# ## King − man + woman
#
# *Man is to king as woman is to …?* The usual recipe: go from *king* by the step that leads from *man* to *woman*, and take
# the word nearest to where you arrive.
#
# $$\text{answer} = \arg\max_v \cos(v,\; w_{\text{king}} - w_{\text{man}} + w_{\text{woman}})$$
#
# The answer is said to be *queen*. Try it, and look at *all* words:


# %%
def answers(unit: np.ndarray, question: tuple[str, ...], leave_out: bool, count: int = 3) -> list[tuple[str, float]]:
    """Answer “first is to second as third is to …” with words and cosines."""
    first, second, third = (table.row(word) for word in question)
    target = unit[second] - unit[first] + unit[third]
    cosines = unit @ target / np.linalg.norm(target)
    if leave_out:
        cosines[[first, second, third]] = -np.inf
    return [(table.words[n], float(cosines[n])) for n in np.argsort(-cosines)[:count]]


for question in (("man", "king", "woman"), ("man", "doctor", "woman")):
    for leave_out in (False, True):
        line = ", ".join(f"{word} {value:.2f}" for word, value in answers(unit, question, leave_out))
        print("{} : {} = {} : ?".format(*question), "| query words left out:" if leave_out else "| all words:", line)

# %%
king, doctor = ("man", "king", "woman"), ("man", "doctor", "woman")
(kept, at_king), (queen, at_queen) = answers(unit, king, leave_out=False)[:2]
claim(
    f"the word nearest to king − man + woman is “{kept}” ({at_king:.2f}); “{queen}” comes second ({at_queen:.2f})",
    (kept, queen) == ("king", "queen"),
)
claim(
    "man : doctor = woman : doctor, as long as “doctor” may be an answer",
    answers(unit, doctor, leave_out=False)[0][0] == "doctor",
)
near = [word for word, _ in table.neighbours("doctor", 2)]
claim(
    f"“nurse” comes first only when the query words are left out; without any arithmetic it is already one of the two "
    f"words nearest to “doctor”: {near[0]}, {near[1]}",
    answers(unit, doctor, leave_out=True)[0][0] == "nurse" and "nurse" in near,
)

# %% [markdown]
# So the famous example rests on a rule that is seldom told: **the three words of the question may not be answers**. The usual
# libraries have it built in. With it, *man : doctor = woman : doctor* cannot come out, whatever the vectors hold (Nissim et al.
# 2020). An answer that is forbidden is no evidence. How much hangs on the rule in the usual test questions?

# %%
asked = [[table.find(word) for word in question] for question in read_analogies(task_file(ANALOGY_TASK))["family"]]
family = np.array([question for question in asked if None not in question], dtype=int)
right = {}
for leave_out in (False, True):
    scores = (unit[family[:, 1]] - unit[family[:, 0]] + unit[family[:, 2]]) @ unit.T
    if leave_out:
        np.put_along_axis(scores, family[:, :3], -np.inf, axis=1)
    right[leave_out] = float((scores.argmax(axis=1) == family[:, 3]).mean())
claim(
    f"of {len(family)} questions about families, {right[True]:.0%} are answered right with the rule, {right[False]:.0%} without",
    right[True] > right[False] + 0.1,
)

# %% [markdown]
# ## The bias is there all the same
#
# Do not conclude that the vectors are fair. Measure it without analogies (Bolukbasi et al. 2016). Take ten pairs such as *she*
# and *he*. Subtract from both words the middle of the pair: what is left is half their difference, once with plus and once
# with minus. The direction in which these vary most, the first **principal component**, is the **gender direction** $g$. The
# cosine of a word with $g$ says to which side it leans. Its size, averaged over words that should lean to none, is called
# **direct bias**.

# %%
halves = np.array([(unit[table.row(she)] - unit[table.row(he)]) / 2 for she, he in debiasing.DEFINITIONAL_PAIRS])
spread, components = np.linalg.svd(halves, full_matrices=False)[1:]
g = components[0] * np.sign(components[0] @ halves.sum(axis=0))  # towards “she”
share = spread**2 / (spread**2).sum()
claim("g is the project's gender direction", np.allclose(g, debiasing.gender_direction(table).vector, atol=1e-5))
claim(
    f"g holds {share[0]:.0%} of what the pairs differ in, the next direction {share[1]:.0%}: gender is not one direction alone",
    0.4 < share[0] < 0.6 and share[1] > 0.3,
)

# %%
jobs = sorted(
    (job for job in debiasing.OCCUPATIONS if job in table.rows), key=lambda job: float(unit[table.row(job)] @ g)
)
shown = [*jobs[:7], "doctor", "teacher", *jobs[-7:]]
with picture(
    "Occupations along the gender direction. None of them should lean to a side.",
    f"Bars from the male side, {jobs[0]}, to the female side, {jobs[-1]}; doctor and teacher lie near zero.",
    width=5.2,
    height=4.4,
) as figure:
    (axes,) = axes_of(figure)
    leaning = [unit[table.row(job)] @ g for job in shown]
    axes.barh(range(len(shown)), leaning, color=[COLOURS[0] if value > 0 else COLOURS[1] for value in leaning])
    axes.set_yticks(range(len(shown)), shown)
    axes.set(xlabel="cosine with g: below zero “he”, above “she”")
bias = float(np.mean([abs(unit[table.row(job)] @ g) for job in jobs]))
claim(f"direct bias: {len(jobs)} occupations lean to a side by {bias:.2f} on average", 0.15 < bias < 0.22)
claim(
    f"“nurse” leans to “she” ({unit[table.row('nurse')] @ g:+.2f}), “captain” to “he” ({unit[table.row('captain')] @ g:+.2f})",
    unit[table.row("nurse")] @ g > 0.2 and unit[table.row("captain")] @ g < -0.4,
)

# %% [markdown]
# ## Taking it out
#
# **Neutralise** every word that should not have a gender: take its part along $g$ away, and scale what is left to length 1.
# **Equalise** pairs that should differ in gender and in nothing else: both get their common part $\nu$, without $g$, and then a
# step along $g$, one to each side, of such a length that the vector has length 1.
#
# $$v' = \frac{v - (v \cdot g)\, g}{\lVert v - (v \cdot g)\, g \rVert} \qquad\qquad
# v_\pm = \nu \pm \sqrt{1 - \lVert \nu \rVert^2}\; g$$


# %%
def neutralise(v: np.ndarray) -> np.ndarray:
    """Take the part along g out of vectors, and scale them to length 1."""
    rest = v - (v @ g)[:, None] * g
    return rest / np.linalg.norm(rest, axis=1, keepdims=True)


def equalise(she: np.ndarray, he: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Give two words the same common part, and opposite steps along g."""
    middle = (she + he) / 2
    nu = middle - (middle @ g) * g
    step = np.sqrt(1 - nu @ nu) * np.sign((she - he) @ g) * g
    return nu + step, nu - step


gendered = {word for pair in debiasing.EQUALIZED_PAIRS for word in pair} | set(debiasing.GENDER_SPECIFIC)
neutral = np.array([word not in gendered for word in table.words])
fair = unit.copy()
fair[neutral] = neutralise(unit[neutral])
known = [(table.rows[she], table.rows[he]) for she, he in debiasing.EQUALIZED_PAIRS if {she, he} <= table.rows.keys()]
for she, he in known:
    fair[she], fair[he] = equalise(fair[she], fair[he])

# %%
left = float(np.abs(fair[neutral] @ g).max())
claim(f"neutralised means orthogonal: {neutral.sum():,} words have at most {left:.0e} along g", left < 1e-7)
uneven = max(float(np.abs(fair[neutral] @ (fair[she] - fair[he])).max()) for she, he in known)
claim(
    f"every neutral word is equally far from both words of each of {len(known)} pairs, to {uneven:.0e}", uneven < 1e-7
)
theirs = debiasing.debias(table, g).vectors
claim("these are the project's debiased vectors", np.allclose(fair, theirs, atol=1e-5))

# %%
QUESTIONS = [king, doctor, ("he", "surgeon", "she"), ("she", "nurse", "he"), ("he", "actor", "she"),
             ("he", "brother", "she"), ("man", "captain", "woman"), ("france", "paris", "italy")]  # fmt: skip
interaction(
    "lesson_04",
    [
        {"question": question, **{name: [[word, round(value, 3)] for word, value in answers(vectors, question, False, 9)]
                                  for name, vectors in (("before", unit), ("after", fair))}}
        for question in QUESTIONS
    ],
    "Ask an analogy. Allow the words of the question as answers, or leave them out. Then take the gender direction away.",
)  # fmt: skip

# %% [markdown]
# Take the gender direction away, leave the question's words out, and ask *man : doctor* again. The first answer is no
# woman's doctor at all. The rule has to name some word, whether there is a good one or not. An analogy always has an
# answer. That does not make it one.

# %% [markdown]
# ## Where the texts disagree, or err
#
# - **“King − man + woman = queen.”** Nearly. The nearest word is *king*; *queen* wins because the words of the question are left
#   out. Say it with the rule, or it is not true.
# - **Man : doctor = woman : nurse** is often shown as the proof of bias. The rule forbids the fair answer, so this proves
#   little. The lean of the occupations does not depend on the rule, and it is there.
# - **GloVe's $f$** is sometimes said to give rare pairs more weight. It is the other way round. $f$ grows with the count, so
#   rare pairs weigh *less*: their counts are mostly noise. At the top it stops growing, so that *of the* does not rule all.
# - **CBOW for small data**: so it is often recommended. CBOW guesses a word from its context. On the project's 8,001 reviews,
#   which is little, skip-gram did better in both tests of similarity, each trained once. [The longer text](word_vectors.md)
#   has the whole table.
# - **A direct bias of zero is not the absence of bias**: Gonen & Goldberg (2019), and exercise 3.

# %%
claim(
    f"a pair seen once weighs {f(np.array(1.0)):.3f}, one seen 10 times {f(np.array(10.0)):.2f}, from 100 times on 1",
    f(np.array(1.0)) < 0.04 < f(np.array(10.0)) < f(np.array(100.0)) == f(np.array(9_999.0)) == 1,
)
recorded = read_results("word_vectors.json")
measured = {one["method"]: one["scores"] for one in recorded["trained"]}
skip, cbow = (measured[f"Word2Vec, {name}, negative sampling"] for name in ("skip-gram", "CBOW"))
tests = ("WordSim-353", "SimLex-999")
claim(
    f"{recorded['texts']:,} reviews, correlation with people's ratings, skip-gram and CBOW: "
    + "; ".join(f"{test} {skip[test]['value']:.2f} and {cbow[test]['value']:.2f}" for test in tests),
    all(skip[test]["value"] > cbow[test]["value"] + 0.03 for test in tests),
)

# %% [markdown]
# ## Exercises
#
# ### Exercise 1
#
# Check the gradient of `skip_gram` by $w_i$: move one number by $\pm 10^{-6}$, and compare the change of the loss.

# %% tags=["solution"]
generator = np.random.default_rng(1)
w_i, c_o, c_k = generator.normal(size=(1, 10)), generator.normal(size=(1, 10)), generator.normal(size=(1, 5, 10))
calculated = skip_gram(w_i, c_o, c_k)[1]
steps = 1e-6 * np.eye(10)
differences = [(skip_gram(w_i + step, c_o, c_k)[0] - skip_gram(w_i - step, c_o, c_k)[0]) / 2e-6 for step in steps]
error = float(np.abs(differences - calculated[0]).max())
claim(f"the two differ by {error:.0e} at most", error < 1e-6)

# %% [markdown]
# ### Exercise 2
#
# How much does the arithmetic add? Answer the questions about families with the word nearest to the *third* word, the words
# of the question left out, and ignore the other two. How many are right?

# %% tags=["solution"]
scores = unit[family[:, 2]] @ unit.T
np.put_along_axis(scores, family[:, :3], -np.inf, axis=1)
lazy = float((scores.argmax(axis=1) == family[:, 3]).mean())
claim(
    f"{lazy:.0%} are right without any arithmetic, {right[True]:.0%} with it: it helps, but not all of it is its merit",
    0.2 < lazy < right[True] - 0.2,
)

# %% [markdown]
# ### Exercise 3
#
# Take the 500 words that leaned most to each side before, of the 20,000 most frequent neutral ones. Look only at the neutralised
# vectors: for each word, let its ten nearest among the thousand vote. How often do they find the side that was taken away?

# %% tags=["solution"]
frequent = np.flatnonzero(neutral)[:20_000]
order = frequent[np.argsort(unit[frequent] @ g)]
chosen = np.concatenate([order[:500], order[-500:]])
side = np.repeat([-1, 1], 500)
alike = fair[chosen] @ fair[chosen].T - 9 * np.eye(1_000)
votes = side[np.argsort(-alike, axis=1)[:, :10]].sum(axis=1)
found = float((np.sign(votes) == side).mean())
print("he: ", *(table.words[n] for n in chosen[:6]), "| she: ", *(table.words[n] for n in chosen[-6:]))
claim(f"the neighbours find the side of {found:.0%} of the words, though none has anything along g", found > 0.8)

# %% [markdown]
# Look at the words: one side is full of American football, the other of first names and babies. They sit together for many
# reasons at once, and gender is only one. One direction out of fifty cannot hold all that.

# %% [markdown]
# ## Where this is in the project
#
# - {source}`shared/vectors/space.py#WordVectors`: neighbours and analogies.
# - {source}`shared/vectors/debiasing.py#debias` and {source}`shared/vectors/bias_report.py#measure_debiasing`: the second half of
#   this lesson, with what debiasing costs.
# - [The longer text](word_vectors.md): four ways to train vectors, measured on the same reviews.
# - `python -m shared.vectors neighbours awful wonderful` asks the vectors from the command line.
#
# Now each word is a vector. What reads a whole row of them? [A net with memory](lesson_05_a_net_with_memory.ipynb).

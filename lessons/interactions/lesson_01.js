// A review whose words change places: the bag's score stays, the network's moves.
const weights = data.network;
const times = (vector, matrix) => matrix[0].map((_, j) => vector.reduce((sum, v, i) => sum + v * matrix[i][j], 0));
const probability = (score) => 1 / (1 + Math.exp(-score));
let words, first;

const places = element("div", "", root);
places.className = "row";
const hint = element("p", "", root);
hint.setAttribute("aria-live", "polite");
const buttons = element("p", "", root);
element("button", "shuffle", buttons).onclick = () => shuffle();
element("button", "turn round", buttons).onclick = () => {
  words.reverse();
  show();
};
element("button", "as it was", buttons).onclick = () => restart();
const label = element("label", "review: ", buttons);
label.style.maxWidth = "100%";
const choice = element("select", "", label);
data.reviews.forEach((review, i) => (element("option", review, choice).value = i));
choice.onchange = () => restart();
const counts = element("p", "", root);
const bars = element("div", "", root);
bars.setAttribute("aria-live", "polite");

function restart() {
  words = data.reviews[choice.value].split(" ");
  show();
}

function shuffle() {
  const before = words.join(" ");
  while (words.join(" ") === before) {
    for (let i = words.length - 1; i > 0; i--) {
      const j = Math.floor(Math.random() * (i + 1));
      [words[i], words[j]] = [words[j], words[i]];
    }
  }
  show();
}

function choose(place) {
  if (first === undefined) {
    first = place;
    places.children[place].setAttribute("aria-pressed", "true");
    hint.textContent = `“${words[place]}” is to move. Now choose the word that it changes places with.`;
    return;
  }
  [words[first], words[place]] = [words[place], words[first]];
  show();
}

function read() {
  let h = weights.b.map(() => 0);
  for (const word of words) {
    const fromWord = times(weights.e[1 + data.words.indexOf(word)], weights.W);
    const fromState = times(h, weights.U);
    h = h.map((_, i) => Math.tanh(fromWord[i] + fromState[i] + weights.b[i]));
  }
  return times(h, weights.k)[0] + weights.c[0];
}

function bar(name, score) {
  const p = probability(score);
  const row = element("div", `${name}: score ${score.toFixed(2)}, ${(100 * p).toFixed(0)} % positive`, bars);
  row.className = "bar";
  row.style.setProperty("--share", p);
}

function show() {
  first = undefined;
  while (places.children.length > words.length) places.lastChild.remove();
  words.forEach((word, place) => {
    const button = places.children[place] || element("button", "", places);
    button.textContent = word;
    button.setAttribute("aria-pressed", "false");
    button.onclick = () => choose(place);
  });
  hint.textContent = "Choose two words: they change places.";
  const sorted = [...new Set(words)].sort();
  const count = (word) => words.filter((one) => one === word).length;
  counts.textContent = "The bag: " + sorted.map((word) => `${word} ${count(word)}`).join(", ");
  bars.textContent = "";
  // Added in the order of the alphabet, so that rounding is the same too.
  bar("Bag", sorted.reduce((sum, word) => sum + count(word) * data.bag[data.words.indexOf(word)], 0));
  bar("Network", read());
}

restart();

// Counts and TF-IDF of two texts that the reader edits.
let example = 0;
const inputs = data.examples[0].map((text, n) => {
  const label = element("label", `text ${n + 1} `, element("div", "", root));
  const input = element("input", "", label);
  input.type = "text";
  input.value = text;
  input.oninput = () => show();
  return input;
});

function choice(name, options) {
  const label = element("label", `${name} `, controls);
  const select = element("select", "", label);
  for (const option of options) element("option", option, select);
  select.onchange = () => show();
  return select;
}

const controls = element("div", "", root);
const form = choice("numbers", ["textbook TF-IDF", "smoothed TF-IDF", "counts", "bag of words"]);
const length = choice("terms", ["words", "words and pairs"]);
element("button", "other texts", controls).onclick = () => {
  example = (example + 1) % data.examples.length;
  inputs.forEach((input, n) => (input.value = data.examples[example][n]));
  show();
};
const said = element("p", "", root);
said.setAttribute("aria-live", "polite");
const table = element("table", "", root);

function termsOf(text) {
  const words = text.toLowerCase().replaceAll("’", "'").match(/[\p{L}\p{M}\p{N}]+(?:'[\p{L}\p{M}\p{N}]+)*|[!?]/gu) || [];
  const pairs = words.slice(1).map((word, t) => `${words[t]} ${word}`);
  return length.value === "words" ? words : words.concat(pairs);
}

function weigh(counts) {
  const N = counts.length;
  const n = counts[0].map((_, j) => counts.filter((row) => row[j] > 0).length);
  if (form.value === "counts") return counts;
  if (form.value === "bag of words") return counts.map((row) => row.map((count) => Math.min(1, count)));
  if (form.value === "textbook TF-IDF") {
    return counts.map((row) => {
      const total = row.reduce((sum, count) => sum + count, 0) || 1;
      return row.map((count, j) => (count / total) * Math.log(N / n[j]));
    });
  }
  return counts.map((row) => {
    const weighed = row.map((count, j) => count * (1 + Math.log((1 + N) / (1 + n[j]))));
    const size = Math.hypot(...weighed) || 1;
    return weighed.map((weight) => weight / size);
  });
}

function show() {
  const texts = inputs.map((input) => termsOf(input.value));
  const terms = [...new Set(texts.flat())].sort();
  const counts = texts.map((text) => terms.map((term) => text.filter((one) => one === term).length));
  const weights = weigh(counts);
  const largest = Math.max(...weights.flat(), 1e-9);
  table.textContent = "";
  const head = element("tr", "", table);
  for (const name of ["term", "text 1", "text 2"]) element("th", name, head);
  terms.forEach((term, j) => {
    const row = element("tr", "", table);
    element("th", term, row);
    for (const weight of weights.map((one) => one[j])) {
      const digits = form.value.endsWith("TF-IDF") ? 3 : 0;
      const cell = element("td", weight.toFixed(digits), row);
      cell.className = "bar";
      cell.style.setProperty("--share", weight / largest);
    }
  });
  const both = terms.filter((_, j) => counts.every((row) => row[j] > 0));
  const same = terms.length > 0 && counts[0].every((count, j) => count === counts[1][j]);
  said.textContent = `${form.value}, ${length.value}: ${terms.length} terms. In both texts: ${both.join(", ") || "none"}.`;
  if (same) said.textContent += " To this method the two texts are the same.";
}

show();

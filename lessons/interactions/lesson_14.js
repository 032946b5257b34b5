// Runs the small GRU and the linear model on a review that can be edited; shades words by what they do.
const sigmoid = (z) => 1 / (1 + Math.exp(-z));
const ids = new Map(data.words.map((word, id) => [word, id]));
const scaled = (values) => values.map((value) => (Array.isArray(value) ? scaled(value) : value / 1000));
const gru = Object.fromEntries(Object.entries(data.gru).map(([name, values]) => [name, scaled(values)]));
const linear = scaled(data.linear);
const units = gru["head.kernel"].length;
const times = (vector, matrix, bias) => bias.map((b, j) => vector.reduce((sum, v, i) => sum + v * matrix[i][j], b));
const idOf = (word) => ids.get(word) ?? 1;
const inputs = new Map(); // x W + b of a word, worked out when it is first read
const input = (id) => inputs.get(id) ?? inputs.set(id, times(gru.embedding[id], gru.input_kernel, gru.bias[0])).get(id);

function byNetwork(words) {
  let h = new Array(units).fill(0);
  const mean = new Array(units).fill(0);
  for (const word of words) {
    const a = input(idOf(word));
    const r = times(h, gru.recurrent_kernel, gru.bias[1]);
    h = h.map((old, j) => {
      const z = sigmoid(a[j] + r[j]);
      const reset = sigmoid(a[units + j] + r[units + j]);
      return z * old + (1 - z) * Math.tanh(a[2 * units + j] + reset * r[2 * units + j]);
    });
    h.forEach((value, j) => (mean[j] += value / words.length));
  }
  const [negative, positive] = times(mean, gru["head.kernel"], gru["head.bias"]);
  return positive - negative;
}

function byLinear(words) {
  const known = [...new Set(words.map(idOf))].filter((id) => id > 1);
  return data.bias + known.reduce((sum, id) => sum + linear[id], 0) / Math.sqrt(Math.max(1, known.length));
}

const controls = element("div", "", root, { className: "row" });
const review = element("select", "", element("label", "review ", controls));
for (const [name] of data.reviews) element("option", name, review);
const model = element("select", "", element("label", "shade by ", controls));
element("option", "the GRU", model);
element("option", "the linear model", model);
const strike = element("button", "strike out the strongest word", controls);
const restore = element("button", "restore", controls);
const edited = element("label", "the review, to edit ", root);
edited.style.display = "block";
const area = element("textarea", "", edited, { rows: 6 });
const bars = element("div", "", root);
bars.setAttribute("aria-live", "polite");
const shaded = element("p", "", root);
const told = element("p", "", root);
told.setAttribute("aria-live", "polite");
const WORD = /[a-z0-9]+(?:'[a-z0-9]+)*|[!?]/g;
let strongest;

function show() {
  const found = [...area.value.toLowerCase().matchAll(WORD)];
  const every = found.map((one) => one[0]);
  const read = every.slice(-data.longest);
  const answers = [["GRU", byNetwork(read)], ["linear model", byLinear(every)]];
  bars.textContent = shaded.textContent = "";
  for (const [name, z] of answers) {
    const bar = element("div", `${name}: ${(100 * sigmoid(z)).toFixed(1)} % positive`, bars, { className: "bar" });
    bar.style.setProperty("--share", sigmoid(z));
  }
  const [words, ask] = model.selectedIndex ? [every, byLinear] : [read, byNetwork];
  const whole = ask(words);
  const effects = words.map((_, t) => whole - ask(words.filter((_, other) => other !== t)));
  const largest = Math.max(...effects.map(Math.abs), 0.01);
  words.forEach((word, t) => {
    const mark = element("span", word, shaded, { className: "word" });
    mark.style.setProperty("--weight", effects[t] / largest);
    shaded.append(" ");
  });
  const t = effects.findIndex((effect) => Math.abs(effect) === largest);
  strongest = t < 0 ? undefined : found[found.length - words.length + t];
  strike.disabled = strongest === undefined;
  restore.disabled = area.value === data.reviews[review.selectedIndex][1];
  told.textContent = strongest
    ? `Of ${words.length} words “${words[t]}” does most: ${effects[t] > 0 ? "+" : "−"}${Math.abs(effects[t]).toFixed(2)} in log-odds.`
    : "No word does anything here.";
}

function load() {
  area.value = data.reviews[review.selectedIndex][1];
  show();
}
strike.onclick = () => {
  area.value = area.value.slice(0, strongest.index) + area.value.slice(strongest.index + strongest[0].length);
  show();
};
area.oninput = model.onchange = show;
review.onchange = restore.onclick = load;
load();

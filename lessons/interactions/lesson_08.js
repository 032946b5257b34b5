// How much of the cell is kept: a slider for the forget bias and one for the number of words.
const slider = (text, least, most, step, value) => {
  const line = element("p", "", root);
  const label = element("label", "", line);
  const name = element("span", text, label);
  const input = document.createElement("input");
  Object.assign(input, { type: "range", min: least, max: most, step, value });
  input.setAttribute("aria-label", text);
  label.append(" ", input);
  input.oninput = show;
  return { input, name, text };
};

const bias = slider("forget bias", data.biases[0], data.biases.at(-1), 0.5, 1);
const words = slider("words", 1, 200, 1, 50);
const said = element("p", "", root);
said.setAttribute("aria-live", "polite");
const bars = element("div", "", root);
const gradient = element("p", "", root);
gradient.setAttribute("aria-live", "polite");

const share = (value) => {
  if (value >= 0.001) return `${(100 * value).toPrecision(3)} %`;
  return `about 1 part in 10^${Math.round(-Math.log10(value))}`;
};

function show() {
  const b = Number(bias.input.value);
  const n = Number(words.input.value);
  bias.name.textContent = `${bias.text}: ${b.toFixed(1)}`;
  words.name.textContent = `${words.text}: ${n}`;
  const f = 1 / (1 + Math.exp(-b));
  const half = Math.log(0.5) / Math.log(f);
  const word = Math.round(half) === 1 ? "word" : "words";
  said.textContent =
    `The forget gate is ${f.toFixed(3)}. After ${n} ${n === 1 ? "word" : "words"}, ${share(f ** n)} of the cell is kept. ` +
    (half < 0.75 ? "Less than half is left after one word." : `Half is left after about ${Math.round(half)} ${word}.`);
  bars.textContent = "";
  for (const part of [0.2, 0.4, 0.6, 0.8, 1]) {
    const at = Math.max(1, Math.round(part * n));
    const row = element("div", `after ${at}: ${share(f ** at)}`, bars);
    row.className = "bar";
    row.style.setProperty("--share", f ** at);
  }
  const measured = data.measured[data.biases.indexOf(b)];
  gradient.textContent =
    `Measured in a whole network of 64 units, before training: with this bias ` +
    `${measured > 1 ? "all" : share(measured)} of the gradient is left ${data.back} steps back. ` +
    "The network has other ways back too, through h, and its gates are not all alike.";
}

show();

// Steps through the network letter by letter: state and probabilities, with memory and without.
const times = (vector, matrix) => matrix[0].map((_, j) => vector.reduce((sum, v, i) => sum + v * matrix[i][j], 0));
const add = (...vectors) => vectors[0].map((_, i) => vectors.reduce((sum, v) => sum + v[i], 0));
let read, state;

const buttons = element("p", "", root);
for (const letter of data.letters.slice(1, 4)) {
  element("button", letter, buttons).onclick = () => step(letter);
}
const spell = element("button", "what it says itself", buttons);
element("button", "begin again", buttons).onclick = () => restart();
const label = element("label", " memory", buttons);
const memory = document.createElement("input");
memory.type = "checkbox";
memory.checked = true;
label.prepend(memory);
memory.onchange = () => restart();
const said = element("p", "", root);
said.setAttribute("aria-live", "polite");
const squares = element("p", "", root);
const bars = element("div", "", root);
let likeliest;

function restart() {
  read = [];
  state = new Array(data.with.b.length).fill(0);
  step("start");
}

function step(letter) {
  const weights = memory.checked ? data.with : data.without;
  const x = data.letters.map((one) => (one === letter ? 1 : 0));
  state = add(times(x, weights.W), times(state, weights.U), weights.b).map(Math.tanh);
  const scores = add(times(state, weights.V), weights.c);
  const powers = scores.map((score) => Math.exp(score - Math.max(...scores)));
  const total = powers.reduce((sum, one) => sum + one, 0);
  const p = powers.map((power) => power / total);
  read.push(letter);
  likeliest = data.letters[p.indexOf(Math.max(...p))];
  show(p);
}

function show(p) {
  said.textContent = `It has read: ${read.join(" ")}. It says: ${likeliest}.`;
  squares.textContent = "Its state: " + state.map((value) => value.toFixed(2)).join("  ");
  bars.textContent = "";
  data.letters.forEach((letter, i) => {
    const row = element("div", `${letter}: ${(100 * p[i]).toFixed(1)} %`, bars);
    row.className = "bar";
    row.style.setProperty("--share", p[i]);
  });
  spell.disabled = likeliest === "end" || likeliest === "start" || read.length > 20;
}

spell.onclick = () => step(likeliest);
restart();

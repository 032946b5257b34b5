// A small network, forwards and back through 50 steps in the browser: the norm of the gradient against the distance.
const SVG = "http://www.w3.org/2000/svg";
const functions = {
  tanh: [Math.tanh, (u) => 1 - Math.tanh(u) ** 2],
  ReLU: [(u) => Math.max(u, 0), (u) => (u > 0 ? 1 : 0)],
  none: [(u) => u, () => 1],
};
const size = (vector) => Math.sqrt(vector.reduce((sum, value) => sum + value * value, 0));
const drawn = (name, attributes, parent) => {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  parent.append(made);
  return made;
};
const controls = element("div", "", root);
controls.className = "row";
const choice = (label, names) => {
  const select = element("select", "", element("label", `${label} `, controls));
  for (const name of names) element("option", name, select);
  select.onchange = show;
  return select;
};
const input = (label, type) => {
  const made = document.createElement("input");
  made.type = type;
  element("label", `${label} `, controls).append(made);
  made.oninput = show;
  return made;
};
const matrix = choice("U:", Object.keys(data.matrices));
const used = choice("function:", Object.keys(functions));
const scale = input("scale of U", "range");
Object.assign(scale, { min: 0.2, max: 3, step: 0.05 });
scale.value = 1;
const clip = input("clip at 1", "checkbox");
const said = element("p", "", root);
said.setAttribute("aria-live", "polite");
const x = (back) => 44 + 5 * back;
const y = (norm) => 10 + 6 * (12 - Math.max(-20, Math.min(12, Math.log10(norm))));
const plot = drawn("svg", { viewBox: "0 0 300 230", role: "img", fill: "currentColor", "font-size": 10 }, root);
plot.style.maxWidth = "34rem";
plot.style.width = "100%";
for (const power of [10, 0, -10, -20]) {
  const line = { x1: x(0), x2: x(50), y1: y(10 ** power), y2: y(10 ** power), stroke: "currentColor" };
  drawn("line", { ...line, "stroke-opacity": power ? 0.2 : 0.7 }, plot);
  drawn("text", { x: 38, y: y(10 ** power) + 3, "text-anchor": "end" }, plot).textContent = power ? `1e${power}` : "1";
}
for (const back of [0, 25, 50]) {
  drawn("text", { x: x(back), y: 217, "text-anchor": "middle" }, plot).textContent = back === 25 ? "25 steps back" : back;
}
drawn("text", { x: x(0), y: 9 }, plot).textContent = "norm of the gradient";
const curve = drawn("polyline", { fill: "none", stroke: "currentColor", "stroke-width": 2.5 }, plot);

function gradients() {
  const [f, derivative] = functions[used.value];
  const U = data.matrices[matrix.value].map((row) => row.map((value) => scale.value * value));
  const sums = [];
  let h = data.last.map(() => 0);
  for (const a of data.inputs) {
    sums.push(a.map((value, j) => value + h.reduce((sum, part, i) => sum + part * U[i][j], 0)));
    h = sums.at(-1).map(f);
  }
  const all = [data.last.map((value) => value / size(data.last))];
  for (const u of sums.reverse()) {
    const d = all.at(-1).map((value, j) => value * derivative(u[j]));
    all.push(U.map((row) => row.reduce((sum, value, j) => sum + value * d[j], 0)));
  }
  return all;
}

function show() {
  const norms = gradients().map(size);
  const whole = size(norms);
  const factor = clip.checked ? Math.min(1, 1 / whole) : 1;
  const share = norms[50] / norms[0];
  const perStep = share ** (1 / 50);
  const verdict = share < 0.01 ? "It vanishes." : share > 100 ? "It explodes." : "It gets through.";
  said.textContent =
    `Scale ${Number(scale.value).toFixed(2)}: 50 steps back the norm is ${share.toExponential(1)} of the last step's, ` +
    `a factor of ${perStep.toFixed(2)} a step. ${verdict} ` +
    (clip.checked ? `All together ${whole.toExponential(1)}, after clipping ${(whole * factor).toExponential(1)}: ` +
      `every step is multiplied by ${factor.toPrecision(2)}, and the slope stays.` : "");
  curve.setAttribute("points", norms.map((norm, back) => `${x(back)},${y(norm * factor)}`).join(" "));
  plot.setAttribute("aria-label", `Norm of the gradient, 0 to 50 steps back: from 1 to ${share.toExponential(1)}.`);
}
show();

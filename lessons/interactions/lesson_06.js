// One gradient, cut after as many steps as the reader likes: what is left of its size and of its direction.
const steps = data.letters.length;
const sum = (vectors) => vectors[0].map((_, i) => vectors.reduce((total, vector) => total + vector[i], 0));
const dot = (one, other) => one.reduce((total, value, i) => total + value * other[i], 0);
const size = (vector) => Math.sqrt(dot(vector, vector));

const controls = element("div", "", root);
controls.className = "row";
const when = element("select", "", element("label", "the network ", controls));
for (const name of Object.keys(data.stages)) {
  element("option", name, when);
}
const cutLabel = element("label", "walk back ", controls);
const cut = document.createElement("input");
cut.type = "range";
cut.min = 1;
cut.max = steps;
cut.value = 3;
cutLabel.append(cut);
const count = element("span", "", cutLabel);
const said = element("p", "", root);
said.setAttribute("aria-live", "polite");
const bars = element("div", "", root);

function show() {
  const reach = Number(cut.value);
  const { arrives, notes } = data.stages[when.value];
  count.textContent = ` ${reach} of ${steps} steps`;
  const whole = sum(notes);
  const left = sum(notes.slice(steps - reach));
  const cosine = Math.min(1, dot(whole, left) / (size(whole) * size(left)));
  const angle = (180 / Math.PI) * Math.acos(cosine);
  const share = (100 * size(left)) / size(whole);
  said.textContent =
    `The gradient of U has ${share.toFixed(1)} % of the size of the whole one, and points ${angle.toFixed(1)}° away from it. ` +
    (reach < steps
      ? `Nothing arrives at the “${data.letters[0]}” that decides: the weights that read it learn nothing.`
      : `It arrives at the “${data.letters[0]}” that decides.`);
  bars.textContent = "";
  const largest = Math.max(...arrives);
  data.letters.forEach((letter, i) => {
    const back = steps - i;
    const kept = back <= reach;
    const text = kept ? `gradient ${arrives[i].toPrecision(2)}` : `cut; ${arrives[i].toPrecision(2)} would arrive`;
    const row = element("div", `${back} back, reads ${letter}: ${text}`, bars);
    row.className = "bar";
    row.style.setProperty("--share", kept ? arrives[i] / largest : 0);
  });
}

cut.oninput = show;
when.onchange = show;
show();

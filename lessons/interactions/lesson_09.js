// A GRU of one unit: sliders for both gates, a select for what z means.
const slider = (text, value) => {
  const label = element("label", "", element("p", "", root));
  const name = element("span", text, label);
  const input = document.createElement("input");
  Object.assign(input, { type: "range", min: 0, max: 1, step: 0.1, value });
  input.setAttribute("aria-label", text);
  label.append(" ", input);
  input.oninput = show;
  return { input, name, text };
};

const update = slider("update gate z", 0.8);
const reset = slider("reset gate r", 0.5);
const choice = element("label", "z ", element("p", "", root));
const form = document.createElement("select");
for (const [value, text] of [["keeps", "keeps the old state"], ["renews", "writes the new one"]]) {
  element("option", text, form).value = value;
}
choice.append(form);
form.onchange = show;
const said = element("p", "", root);
said.setAttribute("aria-live", "polite");
const bars = element("div", "", root);

const RULES = { keeps: "h becomes z h + (1 - z) n", renews: "h becomes (1 - z) h + z n" };

function meaning(kept, r) {
  if (kept === 1) return "Nothing new is written: the state is frozen. It will never read a word.";
  if (kept === 0 && r === 1) return "This is exactly the simple RNN: the state is the candidate, and it sees all of the past.";
  if (kept === 0 && r === 0) return "There is no memory at all: each state depends on its own input alone.";
  if (kept === 0) return `The state is the candidate, which sees the past through the reset gate: ${r.toFixed(1)} of it.`;
  if (r === 0) return `The candidate does not see the past. Yet at each step ${Math.round(100 * kept)} % of the old state stays: the reset gate erases nothing.`;
  return `At each step ${Math.round(100 * kept)} % of the old state stays.`;
}

function show() {
  const z = Number(update.input.value);
  const r = Number(reset.input.value);
  update.name.textContent = `${update.text}: ${z.toFixed(1)}`;
  reset.name.textContent = `${reset.text}: ${r.toFixed(1)}`;
  const kept = form.value === "keeps" ? z : 1 - z;
  said.textContent = `${RULES[form.value]}. ${meaning(kept, r)}`;
  bars.textContent = "";
  let h = 0;
  data.inputs.forEach((x, t) => {
    const n = Math.tanh(data.W * x + r * data.U * h);
    h = kept * h + (1 - kept) * n;
    const row = element("div", `step ${t + 1}, input ${x}: candidate ${n.toFixed(2)}, state ${h.toFixed(2)}`, bars);
    row.className = "bar";
    row.style.setProperty("--share", Math.min(1, Math.abs(h)));
  });
}

show();

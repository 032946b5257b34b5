// How often a difference is found with so many seeds: looked up in the lesson's table, between its columns linearly.
const slider = (text, low, high, step, value, unit) => {
  const label = element("label", "", root);
  label.style.display = "block";
  const words = element("span", "", label);
  const input = document.createElement("input");
  Object.assign(input, { type: "range", min: low, max: high, step, value });
  input.style.display = "block";
  input.style.width = "100%";
  input.setAttribute("aria-label", text);
  label.append(input);
  input.oninput = () => show();
  return {
    number: () => Number(input.value),
    say: (shown) => {
      words.textContent = `${text}: ${shown}${unit}`;
    },
  };
};

const difference = slider("true difference", 0, 2, 0.1, 0.3, " points");
const spread = slider("seeds move it by (standard deviation)", 0.1, 1, 0.1, 0.3, " points");
const seeds = slider("seeds", 0, data.seeds.length - 1, 1, 1, "");
const verdict = element("p", "", root);
verdict.setAttribute("aria-live", "polite");
const bars = element("div", "", root);

function power(row, ratio) {
  const last = data.ratios.length - 1;
  const place = Math.min(ratio / data.ratios[1], last);
  const left = Math.min(Math.floor(place), last - 1);
  const values = data.power[row];
  return values[left] + (place - left) * (values[left + 1] - values[left]);
}

function show() {
  const ratio = difference.number() / spread.number();
  const chosen = seeds.number();
  difference.say(difference.number().toFixed(1));
  spread.say(spread.number().toFixed(1));
  seeds.say(data.seeds[chosen]);
  const found = power(chosen, ratio);
  const enough = data.seeds.findIndex((_, row) => power(row, ratio) >= 0.8);
  const advice =
    enough < 0 ? `Not even ${data.seeds[data.seeds.length - 1]} seeds reach 80 %.` : `For 80 % train ${data.seeds[enough]}.`;
  verdict.textContent =
    difference.number() === 0
      ? `There is no difference. ${data.seeds[chosen]} seeds find one all the same in ${(100 * found).toFixed(0)} % of such studies.`
      : `${data.seeds[chosen]} seeds find it in ${(100 * found).toFixed(0)} % of such studies. ${advice}`;
  bars.textContent = "";
  data.seeds.forEach((count, row) => {
    const value = power(row, ratio);
    const line = element("div", `${row === chosen ? "▸ " : ""}${count} seeds: ${(100 * value).toFixed(0)} %`, bars);
    line.className = "bar";
    line.style.setProperty("--share", value);
  });
}

show();

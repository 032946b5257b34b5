// A sentence whose subject and gap the reader chooses; each word is shaded by what covering it would do.
const NAMES = { window: "a window of five", rnn: "RNN (gaps grew)", lstm: "LSTM", gru: "GRU" };

const controls = element("p", "", root);
const swap = element("button", "swap one and many", controls);
const subject = choice(" subject ", Object.fromEntries(data.subjects.map((word) => [word, word])));
const network = choice(" network ", NAMES);
network.value = "lstm";
const label = element("label", "gap ", element("p", "", root));
const gap = element("input", "", label);
Object.assign(gap, { type: "range", min: 0, max: data.gaps.length - 1, value: 4 });
const words = element("span", "", label);
const sentence = element("p", "", root);
const said = element("p", "", root);
said.setAttribute("aria-live", "polite");
const bars = element("div", "", root);

function choice(text, options) {
  const select = element("select", "", element("label", text, controls));
  for (const [value, name] of Object.entries(options)) element("option", name, select).value = value;
  select.onchange = show;
  return select;
}

function show() {
  const length = data.gaps[gap.value];
  const [have, effect] = data.answered[`${network.value} ${subject.value} ${length}`];
  words.textContent = ` ${length} ${length === 1 ? "word" : "words"}`;
  gap.setAttribute("aria-valuetext", words.textContent);
  sentence.textContent = "";
  ["the", "happy", subject.value, ...data.talk.slice(0, length), "?"].forEach((word, place) => {
    const shown = element(place === 2 ? "strong" : "span", word, sentence);
    shown.className = "word";
    shown.style.setProperty("--weight", effect[place]);
    sentence.append(" ");
  });
  const answer = have > 0.5 ? "have" : "has";
  const right = subject.value.endsWith("s") ? "have" : "has";
  said.textContent = `${NAMES[network.value]} says “${answer}”, which is ${answer === right ? "right" : "wrong"}.`;
  bars.textContent = "";
  for (const [word, share] of [["has", 1 - have], ["have", have]]) {
    const bar = element("div", `${word}: ${(100 * share).toFixed(1)} %`, bars);
    bar.className = "bar";
    bar.style.setProperty("--share", share);
  }
  element("p", "Blue: the word pulls towards “have”. Orange: towards “has”. No shade: covering it changes nothing.", bars);
}

swap.onclick = () => {
  subject.value = data.subjects[data.subjects.indexOf(subject.value) ^ 1];
  show();
};
gap.oninput = show;
show();

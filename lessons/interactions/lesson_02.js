// Eight switches and what is left of a sentence; every result was made by the lesson.
const NEGATION = /^(not|no|nor|never|nothing|noth|nobody|nobodi|none|without|.*n['’]t)[.,!?:]*$/i;

const label = element("label", "Sentence: ", element("p", "", root));
label.style.maxWidth = "100%";
const sentence = element("select", "", label);
data.sentences.forEach((text, i) => {
  const option = element("option", text.replace(/<[^>]*>/g, " ").trim().slice(0, 40) + " …", sentence);
  option.value = i;
});
sentence.onchange = () => show();

const switches = element("p", "", root);
const boxes = data.steps.map((name) => {
  const one = element("label", ` ${name}`, switches);
  const box = document.createElement("input");
  box.type = "checkbox";
  box.checked = name === data.steps[0];
  box.onchange = () => show();
  one.prepend(box);
  return box;
});
const buttons = element("p", "", root);
element("button", "one more step", buttons).onclick = () => {
  const next = boxes.findIndex((box) => !box.checked);
  set((i) => next >= 0 && (boxes[i].checked || i === next));
};
element("button", "all on or off", buttons).onclick = () => {
  const any = boxes.some((box) => box.checked);
  set(() => !any);
};
const left = element("pre", "", root);
const told = element("p", "", root);
left.setAttribute("aria-live", "polite");

function set(choose) {
  boxes.map((_, i) => choose(i)).forEach((on, i) => (boxes[i].checked = on));
  show();
}

function show() {
  const on = boxes.map((box) => box.checked);
  const number = on.reduce((sum, one, i) => sum + (one ? 2 ** i : 0), 0);
  const [texts, which] = data.results[sentence.value];
  const text = texts[which[number]];
  const words = text.split(/\s+/).filter((word) => /[\p{L}\p{N}]/u.test(word));
  const negations = words.filter((word) => NEGATION.test(word));
  left.textContent = text;
  told.textContent =
    `Steps that are on: ${on.filter(Boolean).length} of ${on.length}. Pieces with letters or digits: ${words.length}. ` +
    `Negations: ${negations.join(", ") || "none"}.`;
}

show();

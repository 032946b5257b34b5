// Browses papers of the wire: what stands on each, and what a training set makes of it.
const controls = element("div", "", root, { className: "row" });
const choice = element("label", "show ", controls);
const kinds = element("select", "", choice);
for (const kind of ["all papers", ...new Set(data.papers.map((paper) => paper.kind))]) element("option", kind, kinds);
const before = element("button", "paper before", controls);
const after = element("button", "next paper", controls);
const form = element("label", " cleaned form", controls);
const cleaned = document.createElement("input");
cleaned.type = "checkbox";
form.prepend(cleaned);

const place = element("p", "", root);
place.setAttribute("aria-live", "polite");
const table = element("table", "", root);
table.style.overflowWrap = "normal"; // on a phone the page may break words anywhere
const verdict = element("p", "", root);
verdict.setAttribute("aria-live", "polite");
element("p", `Papers: ${data.source}.`, root);
let shown, current;

function row(name, value) {
  const line = element("tr", "", table);
  element("th", name, line).scope = "row";
  element("td", value, line);
}

function judged(paper, topic) {
  if (paper.kind.startsWith("another")) {
    const luck = paper.kind.includes("luck") ? " By luck it is of the same topic." : "";
    return `The text belongs to another paper: ${paper.from || "no body follows at all"}. A model is asked to find “${topic}” in it.${luck}`;
  }
  const lost = paper.topics.slice(1).join(", ");
  return lost ? `The text is right. What else stood on the paper is lost: ${lost}. A model that answers it counts as wrong.` : "Text and topic are right.";
}

function show() {
  const paper = shown[current];
  const [topic, text] = paper.keras;
  table.textContent = "";
  place.textContent = `Paper ${current + 1} of ${shown.length}: ${paper.title}`;
  row("topics on the paper", paper.topics.join(", "));
  row("its own body", paper.own ? `${paper.own}…` : "none: an alert");
  if (cleaned.checked) {
    row("topic in training", paper.clean ? topic : "left out");
    row("text in training", paper.clean ? `${paper.title} ${paper.own}…` : "left out");
    verdict.textContent = paper.clean
      ? "Kept: one topic, its own body. The headline is part of the text."
      : `Left out: ${paper.own ? "it has several topics" : "it has no body of its own"}.`;
  } else {
    row("topic in training", topic);
    row("text in training", `${text}…`);
    verdict.textContent = judged(paper, topic);
  }
  before.disabled = after.disabled = shown.length < 2;
}

function choose() {
  shown = data.papers.filter((paper) => kinds.selectedIndex === 0 || paper.kind === kinds.value);
  current = 0;
  show();
}

const move = (step) => {
  current = (current + step + shown.length) % shown.length;
  show();
};
before.onclick = () => move(-1);
after.onclick = () => move(1);
cleaned.onchange = show;
kinds.onchange = choose;
choose();

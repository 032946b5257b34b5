// Shows one framework's code against another's, marks the lines that differ, and what both answer.
const choice = (text, names, chosen) => {
  const label = element("label", `${text} `, controls);
  const made = document.createElement("select");
  names.forEach((name, number) => {
    element("option", name, made).value = String(number);
  });
  made.value = String(chosen);
  made.onchange = () => show();
  label.append(made);
  return made;
};

const frameworks = Object.keys(data.code);
const controls = element("p", "", root);
controls.className = "row";
const shown = choice("code of", frameworks, 0);
const against = choice("against", frameworks, 1);
const review = choice("review", data.reviews, data.first);
const mark = document.createElement("input");
mark.type = "checkbox";
mark.checked = true;
mark.onchange = () => show();
element("label", " mark what differs", controls).prepend(mark);
review.style.maxWidth = "100%";
review.parentElement.style.maxWidth = "100%";
const answer = element("p", "", root);
answer.setAttribute("aria-live", "polite");
const said = element("p", "", root);
said.setAttribute("aria-live", "polite");
const listing = element("div", "", root);
listing.style.fontFamily = "monospace";

// Lengths of the longest common subsequences of what is left of both texts.
function common(first, second) {
  const lengths = Array.from({ length: first.length + 1 }, () => new Array(second.length + 1).fill(0));
  for (let i = first.length - 1; i >= 0; i--) {
    for (let j = second.length - 1; j >= 0; j--) {
      lengths[i][j] =
        first[i] === second[j] ? lengths[i + 1][j + 1] + 1 : Math.max(lengths[i + 1][j], lengths[i][j + 1]);
    }
  }
  return lengths;
}

function own(first, second) {
  const lengths = common(first, second);
  const marks = [];
  let j = 0;
  for (let i = 0; i < first.length; i++) {
    while (j < second.length && first[i] !== second[j] && lengths[i][j + 1] >= lengths[i + 1][j]) j++;
    const same = j < second.length && first[i] === second[j];
    marks.push(!same);
    if (same) j++;
  }
  return marks;
}

function show() {
  const [one, other] = [frameworks[shown.value], frameworks[against.value]];
  const trimmed = (name) => data.code[name].map((line) => line.trim());
  const marks = own(trimmed(one), trimmed(other));
  const differing = marks.filter(Boolean).length;
  const [p, q] = [data.good[one][review.value], data.good[other][review.value]];
  answer.textContent =
    `“${data.reviews[review.value]}” ${one}: good with ${p.toFixed(7)}. ` +
    `${other}: ${q.toFixed(7)}. Apart: ${p === q ? "nothing" : Math.abs(p - q).toExponential(0)}.`;
  const marked = mark.checked ? `${differing} of ${marks.length} lines are not in ${other}'s` : "nothing is marked";
  said.textContent = `${one}, from ${data.files[one]}: ${marked}.`;
  listing.textContent = "";
  data.code[one].forEach((line, number) => {
    const differs = mark.checked && marks[number];
    const row = element("div", "", listing);
    row.style.whiteSpace = "pre-wrap";
    row.style.overflowWrap = "anywhere";
    const text = element("span", `${differs ? "≠ " : "  "}${line.replace(/^ +/, (indent) => indent.slice(indent.length / 2))}`, row);
    if (differs) {
      text.className = "word";
      text.style.setProperty("--weight", 0.4);
    }
  });
}

show();

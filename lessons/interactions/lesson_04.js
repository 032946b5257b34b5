// Answers of analogies: with the words of the question or without, before debiasing and after.
const SHOWN = 5;

const controls = element("div", "", root);
const label = element("label", "question ", controls);
const select = element("select", "", label);
for (const { question } of data) {
  element("option", `${question[0]} : ${question[1]} = ${question[2]} : ?`, select);
}
select.onchange = () => show();

function checkbox(name, checked) {
  const box = document.createElement("input");
  box.type = "checkbox";
  box.checked = checked;
  box.onchange = () => show();
  element("label", ` ${name}`, controls).prepend(box);
  return box;
}

const without = checkbox("leave the words of the question out", true);
const debiased = checkbox("gender direction taken away", false);
const said = element("p", "", root);
said.setAttribute("aria-live", "polite");
const list = element("div", "", root);

function show() {
  const { question, before, after } = data[select.selectedIndex];
  const [first, second, third] = question;
  const all = debiased.checked ? after : before;
  const found = all.filter(([word]) => !without.checked || !question.includes(word)).slice(0, SHOWN);
  const best = found[0][0];
  said.textContent =
    `${first} is to ${second} as ${third} is to ${best}` +
    (without.checked ? ", the words of the question left out. " : ", all words allowed. ") +
    (debiased.checked ? "Vectors after debiasing. " : "Vectors as they were trained. ") +
    (question.includes(best) ? "The answer is a word of the question itself." : "");
  list.textContent = "";
  for (const [word, cosine] of found) {
    const own = question.includes(word) ? " (in the question)" : "";
    const row = element("div", `${word}: ${cosine.toFixed(2)}${own}`, list);
    row.className = "bar";
    row.style.setProperty("--share", Math.max(0, cosine));
  }
}

show();

// What stands right of "pool" appears word by word; two readers say what "pool" means.
const label = element("label", "sentence about ", element("p", "", root));
const choice = element("select", "", label);
for (const name of Object.keys(data.sentences)) element("option", name, choice).value = name;
choice.value = Object.keys(data.sentences)[2];
const buttons = element("p", "", root);
const fewer = element("button", "hide a word", buttons);
const more = element("button", "show a word", buttons);
const all = element("button", "show all", buttons);
const none = element("button", "hide all", buttons);
const sentence = element("p", "", root);
const said = element("p", "", root);
said.setAttribute("aria-live", "polite");
const bars = element("div", "", root);
let shown = 0;

function show() {
  const words = data.sentences[choice.value].split(" ").slice(0, -1);
  const pool = words.indexOf("pool");
  const most = words.length - pool - 1;
  shown = Math.max(0, Math.min(shown, most));
  fewer.disabled = none.disabled = shown === 0;
  more.disabled = all.disabled = shown === most;
  sentence.textContent = "";
  words.forEach((word, place) => {
    const read = element(place === pool ? "strong" : "span", place <= pool + shown ? word : "▢", sentence);
    read.className = "word";
    read.style.setProperty("--weight", place === pool ? 0.6 : 0);
    sentence.append(" ");
  });
  sentence.append(".");
  bars.textContent = "";
  const answers = [];
  for (const [ways, steps] of Object.entries(data.answered[choice.value])) {
    element("p", `Reads ${data.readers[ways]}:`, bars);
    data.meanings.forEach((meaning, i) => {
      const bar = element("div", `${meaning}: ${(100 * steps[shown][i]).toFixed(1)} %`, bars);
      bar.className = "bar";
      bar.style.setProperty("--share", steps[shown][i]);
    });
    const surest = Math.max(...steps[shown]);
    const meaning = surest < 0.6 ? "I cannot tell" : data.meanings[steps[shown].indexOf(surest)];
    answers.push(`The one that reads ${data.readers[ways]}: ${meaning}.`);
  }
  said.textContent = `The writer means: ${choice.value.split(",")[0]}. ${shown} of ${most} words on the right are shown. ${answers.join(" ")}`;
}

fewer.onclick = () => { shown -= 1; show(); };
more.onclick = () => { shown += 1; show(); };
all.onclick = () => { shown = Infinity; show(); };
none.onclick = () => { shown = 0; show(); };
choice.onchange = show;
show();

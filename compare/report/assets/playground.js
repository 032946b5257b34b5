// Try a trained model in the browser: the whole classifier, written to be read in the order in which a review travels.
//   1. text      cleaning and tokens, by the rules of shared/text
//   2. weights   from the packed form of compare/report/playground.py to arrays of numbers
//   3. cells     one step of RNN, LSTM and GRU; names and equations are those of shared/reference/cells.py
//   4. model     layers and directions, pooling, head, as in shared/reference/model.py
//   5. page      what you see: words, curve, heat-map, numbers
// Matrices are flat arrays, row after row. Nothing is sent anywhere, and a review is only ever shown as text.
"use strict";
const Playground = (() => {
  // ---- 1. text -----------------------------------------------------------------------------------------------------
  const without = (text, opening, closing) => { // from each opening to its closing
    const parts = text.split(closing), rest = parts.pop();
    return [...parts.map((part) => part.split(opening, 1)[0]), rest].join(" ");
  };
  // "&amp;", "&#39;": the browser knows the names. `reference` has no "<", so there is nothing but text to parse.
  const character = (reference) => {
    const { textContent } = new DOMParser().parseFromString(`<!doctype html><body>x${reference}`, "text/html").body;
    const control = /^x[\x01-\x08\x0b\x0e-\x1f\x7f\p{Noncharacter_Code_Point}]$/u.test(textContent);
    return reference[1] === "#" && control ? "" : textContent.slice(1); // numbers that Python leaves out
  };
  const STEPS = {
    html(text) {
      text = without(text, /<!--/, /-->/);
      for (const tag of ["script", "style"])
        text = without(text, new RegExp(`<${tag}\\b[^<>]*>`, "i"), new RegExp(`</${tag}\\b[^<>]*>`, "i"));
      text = text.replace(/<[/!]?[a-zA-Z][^<>]*>/g, " ").replace(/&#[0-9]{100,};?/g, "\ufffd");
      return text.replace(/&(?:#[0-9]+;?|#[xX][0-9a-fA-F]+;?|[^\t\n\f <&#;]{1,32};?)/g, character).trim();
    },
    apostrophes: (text) => text.replace(/[\u2019\u2018\u02bc\u00b4\x92]/g, "'"),
    lower_case: (text) => text.toLowerCase(),
  };
  // The patterns of shared/text/tokens.py. JavaScript lacks Unicode's word-break classes: SPACELESS and KATAKANA are
  // their definitions in UAX #29, as far as the properties that there are can say it.
  const PICTURE = String.raw`[[\p{Emoji}[\p{Extended_Pictographic}&&\p{Cn}]]--[0-9#*\p{Regional_Indicator}©®™]]`;
  const KATAKANA = String.raw`[\p{sc=Katakana}\u3031-\u3035\u309b\u309c\u30a0\u30fc\uff70]`;
  const SPACELESS = "[\\p{Ideographic}" + ["Hiragana", "Thai", "Lao", "Myanmar", "Khmer", "Tai_Le", "New_Tai_Lue",
    "Tai_Tham", "Tai_Viet", "Ahom"].map((script) => `\\p{sc=${script}}`).join("") + "]";
  const APART = String.raw`[\p{sc=Han}${KATAKANA}${PICTURE}\p{Grapheme_Extend}\p{Sk}[[\p{L}\p{Nl}]&&${SPACELESS}]]`;
  const LIKE_LETTERS = String.raw`[\p{Alphabetic}--\p{M}]\u02d7\u055a-\u055c\u055e\u058a\u05f3\u070f`;
  const LETTER = String.raw`[[\p{L}\p{N}${LIKE_LETTERS}]--${APART}]`;
  const MARK = String.raw`[\p{M}\p{Grapheme_Extend}\u200d]`;
  const RUN = String.raw`${LETTER}[${LETTER}[${MARK}--\u20e3]]*(?!\ufe0f?\u20e3)`;
  const INSIDE = String.raw`(?:'|(?<=[\p{sc=Hebrew}&&\p{Lo}])["\u05f4](?=[\p{sc=Hebrew}&&\p{Lo}]))`;
  const ALONE = String.raw`[[\p{L}\p{N}]--${PICTURE}]${MARK}*`;
  const WORD = `${RUN}(?:${INSIDE}${RUN})*|${KATAKANA}[${KATAKANA}${MARK}]*|${ALONE}`;
  const W = String.raw`\p{Alphabetic}\p{N}\p{Pc}${LETTER}${MARK}`; // what counts as a word around an emoticon
  const FACE = String.raw`[:;=]'?[\-oO\^]?(?:[\)\]]|[\(\[](?![\(\[]*["'$]?[${W}]))`;
  const FACE_APART = String.raw`[:;=](?<![${W}*\/\\\|:;=\-][:;=])-?[dDpPoO\/\\\|*](?![${W}=*\/\\\|])`;
  const EYES = String.raw`\^(?<!\^\^)[_\-]?\^(?![${W}\^])|-(?<![${W}\-]-)_-(?![${W}\-])`;
  const HEART = String.raw`<\/?3(?![${W}]|[.,:\/\-]\p{Nd})`;
  const WHOLE_PICTURE = String.raw`(?:${PICTURE}|[©®™]\ufe0f)[[${MARK}\p{Emoji_Modifier}]--\u200d]*`;
  const EMOJI = String.raw`${WHOLE_PICTURE}(?:\u200d${WHOLE_PICTURE})*|\p{RI}{1,2}${MARK}*|[#*]\ufe0f?\u20e3`;
  const TOKEN = new RegExp(`${WORD}|[!?\uff01\uff1f\u061f]|${FACE}|${FACE_APART}|${EYES}|${HEART}|${EMOJI}`, "gv");
  /** The tokens of a text after these cleaning steps. */
  const tokens = (text, cleaning = ["html", "apostrophes", "lower_case"]) =>
    cleaning.reduce((cleaned, step) => STEPS[step](cleaned), text).match(TOKEN) ?? [];

  // ---- 2. weights --------------------------------------------------------------------------------------------------
  const bytes = (base64, letters = atob(base64)) =>
    new Uint8Array(letters.length).map((_, place) => letters.charCodeAt(place));
  const floats = (base64) => new Float32Array(bytes(base64).buffer);
  // Word vectors are whole numbers times a scale of the row's own: of 16 bits, or of 12, two in three bytes.
  function integers({ bits, numbers }) {
    const packed = bytes(numbers);
    if (bits === 16) return new Int16Array(packed.buffer);
    const values = new Int16Array((packed.length / 3) * 2);
    for (let from = 0, to = 0; from < packed.length; from += 3) {
      values[to++] = (packed[from] | ((packed[from + 1] & 15) << 8)) - 2048;
      values[to++] = ((packed[from + 1] >> 4) | (packed[from + 2] << 4)) - 2048;
    }
    return values;
  }
  function unpack(model) {
    const size = model.embedding_size, rows = model.embedding.flatMap((part) => {
      const values = integers(part);
      return Array.from(floats(part.scales), (scale, row) => () =>
        Float64Array.from(values.subarray(row * size, (row + 1) * size), (value) => value * scale));
    });
    const vectors = [], vector = (id) => (vectors[id] ??= rows[id]()); // most words are never typed
    const arrays = Object.fromEntries(Object.entries(model.arrays).map(([name, array]) => [name, floats(array)]));
    return { vector, ids: new Map(model.words.split("\n").map((word, id) => [word, id])), arrays, products: {} };
  }
  const unpacked = new WeakMap(); // each model once, when it is first used
  const opened = (model) => unpacked.get(model) ?? unpacked.set(model, unpack(model)).get(model);

  // ---- 3. cells ----------------------------------------------------------------------------------------------------
  // A step gets a = x_t W + b from the word, r = h_{t-1} U from what was read before (in the GRU with a bias of its
  // own), and the state before. Gates stand side by side in `a` and `r`, each of `n` numbers, one for each unit.
  const sigmoid = (x) => 0.5 * (1 + Math.tanh(0.5 * x)), zeros = (n) => new Float64Array(n);
  const CELLS = {
    rnn: (a, r) => ({ h: a.map((_, u) => Math.tanh(a[u] + r[u])) }), // h_t = tanh(x_t W + h_{t-1} U + b)
    lstm(a, r, before, n) {
      const [i, f, g, o, c, h] = Array.from({ length: 6 }, () => zeros(n));
      for (let u = 0; u < n; u++) {
        i[u] = sigmoid(a[u] + r[u]);                                // input gate: how much of the new comes in
        f[u] = sigmoid(a[n + u] + r[n + u]);                        // forget gate: how much of the old stays
        g[u] = Math.tanh(a[2 * n + u] + r[2 * n + u]);              // candidate: what is new
        o[u] = sigmoid(a[3 * n + u] + r[3 * n + u]);                // output gate: how much of it is shown
        c[u] = f[u] * before.c[u] + i[u] * g[u];                    // c_t = f c_{t-1} + i g
        h[u] = o[u] * Math.tanh(c[u]);                              // h_t = o tanh(c_t)
      }
      return { i, f, g, o, c, h };
    },
    gru(a, r, before, n) {
      const [z, reset, candidate, h] = Array.from({ length: 4 }, () => zeros(n));
      for (let u = 0; u < n; u++) {
        z[u] = sigmoid(a[u] + r[u]);                                // update gate: how much of the old stays
        reset[u] = sigmoid(a[n + u] + r[n + u]);                    // reset gate, after the recurrent product
        candidate[u] = Math.tanh(a[2 * n + u] + reset[u] * r[2 * n + u]); // n = tanh(a_n + reset r_n)
        h[u] = z[u] * before.h[u] + (1 - z[u]) * candidate[u];      // h_t = z h_{t-1} + (1 - z) n
      }
      return { z, r: reset, n: candidate, h };
    },
  };

  // ---- 4. model ----------------------------------------------------------------------------------------------------
  /** x kernel + bias. */
  function product(x, kernel, bias) {
    const out = Float64Array.from(bias), columns = bias.length;
    for (let row = 0, at = 0; row < x.length; row++)
      for (let column = 0, value = x[row]; column < columns; column++) out[column] += value * kernel[at++];
    return out;
  }
  /** The state after each word, in the order of the text, of one direction of one layer. */
  function walk(model, { arrays, products }, name, inputs) {
    const [W, U, bias] = ["input_kernel", "recurrent_kernel", "bias"].map((kind) => arrays[`${name}.${kind}`]);
    const n = model.hidden_size, columns = W.length / inputs[0].length, states = Array(inputs.length);
    const [b, c] = [bias.subarray(0, columns), bias.length > columns ? bias.subarray(columns) : zeros(columns)];
    const done = (products[name] ??= new WeakMap());
    let state = { h: zeros(n), c: zeros(n) };
    for (let step = 0; step < inputs.length; step++) {
      const t = name.endsWith("backward") ? inputs.length - 1 - step : step;
      const x = inputs[t], a = done.get(x) ?? done.set(x, product(x, W, b)).get(x); // each word's once
      states[t] = state = CELLS[model.cell](a, product(state.h, U, c), state, n);
    }
    return states;
  }

  const joined = (parts) => Float64Array.from(parts.flatMap((part) => [...part]));
  /** States by layer, direction and word: `read(…)[0][0][3].f` are the forget gates at the fourth word. */
  function read(model, ids, whole) {
    const parts = opened(model), layers = [];
    let inputs = ids.map(parts.vector);
    for (let layer = 0; layer < model.layers && ids.length; layer++) {
      const ways = model.directions.map((way, d) => whole && !layer && !d ? whole[0][0].slice(0, ids.length)
        : walk(model, parts, `rnn.${layer}.${way}`, inputs)); // of a longer text the first forward layer is known
      layers.push(ways);
      inputs = ids.map((_, t) => joined(ways.map((states) => states[t].h)));
    }
    return layers;
  }
  const POOL = {
    first: (outputs) => outputs[0],
    last: (outputs) => outputs.at(-1),
    mean: (outputs) => outputs[0].map((_, u) => outputs.reduce((sum, h) => sum + h[u], 0) / outputs.length),
    max: (outputs) => outputs[0].map((_, u) => outputs.reduce((most, h) => Math.max(most, h[u]), -1)),
  };
  /** Probability of each class, from the last layer's states of the first `end` words. */
  function answer(model, layers, end) {
    const { arrays } = opened(model);
    const features = joined(model.pooled.flatMap((how) => model.directions.map((way, d) => {
      if (!end) return zeros(model.hidden_size);
      const outputs = layers.at(-1)[d].slice(0, end).map((state) => state.h);
      return POOL[how](way === "backward" ? outputs.reverse() : outputs); // first and last as this direction reads
    })));
    const outputs = product(features, arrays["head.kernel"], arrays["head.bias"]);
    const logits = model.head === "sigmoid" ? [0, outputs[0]] : [...outputs]; // sigmoid(z) is the softmax of 0 and z
    const largest = Math.max(...logits), exponents = logits.map((logit) => Math.exp(logit - largest));
    return exponents.map((exponent) => exponent / exponents.reduce((sum, one) => sum + one));
  }
  /** After 0, 1, 2 … words: the answer if the review ended there. What reads backward must begin anew for each. */
  function* running(model, ids, layers) {
    for (let end = 0; end <= ids.length; end++)
      yield answer(model, model.directions.length > 1 ? read(model, ids.slice(0, end), layers) : layers, end);
  }
  /** Everything about a text: its words, which of them are read, states and probabilities. */
  function predict(model, text) {
    const { ids: known } = opened(model), all = tokens(text, model.cleaning);
    const cut = Math.max(0, all.length - model.max_length); // so many words are skipped after the first `head_words`
    const words = all.map((word, place) => ({
      word, known: known.has(word), read: !cut || place < model.head_words || place >= model.head_words + cut }));
    const ids = words.filter((one) => one.read).map((one) => known.get(one.word) ?? 1); // 1 is the unknown word
    const layers = read(model, ids);
    return { words, ids, layers, probabilities: answer(model, layers, ids.length) };
  }

  // ---- 5. page -----------------------------------------------------------------------------------------------------
  const [h, n, c] = ["output h", "candidate n", "cell state c"]; // what is called a gate is between 0 and 1
  const GATES = { rnn: { h }, gru: { z: "update gate z", r: "reset gate r", n, h },
    lstm: { i: "input gate i", f: "forget gate f", o: "output gate o", g: "candidate g", c, h } };
  const percent = (share) => `${(100 * share).toFixed(1)} %`;
  const points = (change) => `${change < 0 ? "−" : "+"}${Math.abs(100 * change).toFixed(1)} points`;
  /** An element with attributes and children; strings become text, never HTML. */
  function make(name, attributes = {}, ...children) {
    const space = /svg|line/.test(name) ? "2000/svg" : "1999/xhtml";
    const made = document.createElementNS(`http://www.w3.org/${space}`, name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.append(...children);
    return made;
  }
  const labelled = (text, control) => make("label", {}, `${text} `, control);
  const fill = (select, all) => select.replaceChildren(...all.map(([value, text]) => make("option", { value }, text)));

  /** Builds the playground inside an element, for models as compare/report/playground.py packs them. */
  function mount(element, models, text = "") {
    const [chosen, target, gate] = [make("select"), make("select"), make("select")];
    const area = make("textarea", { rows: 5, maxlength: 50000, spellcheck: "false" }, text);
    const said = make("p", { class: "answer" }), heard = make("p", { class: "heard", "aria-live": "polite" });
    const shown = make("p", { class: "words" }), here = make("p", { class: "here" });
    const line = make("polyline"), marker = make("line", { y2: 1 }), half = make("line", { x2: 1e5, y1: 0.5, y2: 0.5 });
    const curve = make("svg", { role: "img", preserveAspectRatio: "none" }, half, marker, line);
    const slider = make("input", { type: "range", min: 1 }), canvas = make("canvas", { role: "img" });
    element.className = "playground";
    element.replaceChildren(labelled("Your review", area), labelled("Model", chosen), labelled("Class", target), said,
      heard, shown, curve, labelled("Word", slider), here, labelled("Heat-map", gate), canvas);
    let model, seen, spans, values, timer, pause; // values: the probability after 0, 1, 2 … words, as far as known
    const drawn = () => { // what the heat-map shows, [words][units]
      const [layer, direction, kind] = gate.value.split(".");
      return (seen.layers[layer]?.[direction] ?? []).map((state) => state[kind]);
    };
    const told = (t) => `${spans[t].textContent} ${points(values[t + 1] - values[t])}`;

    function choose() { // another model has other classes and gates
      model = models[chosen.value];
      fill(target, [...model.class_names.entries()]);
      target.value = model.class_names.length === 2 ? 1 : 0;
      const gates = Object.entries(GATES[model.cell]), layers = [...Array(model.layers).keys()];
      fill(gate, layers.flatMap((layer) => model.directions.flatMap((way, d) => gates.map(([kind, name]) =>
        [`${layer}.${d}.${kind}`, `${name}, ${way}, layer ${layer + 1}`]))));
      change();
    }
    function change() { // another text
      seen = predict(model, area.value);
      const every = seen.words.map(({ word, known, read }) =>
        make("span", { dir: "auto", class: `${known ? "" : "unknown"} ${read ? "" : "unread"}` }, word));
      spans = every.filter((_, place) => seen.words[place].read);
      shown.replaceChildren(...every.flatMap((span) => [span, " "]));
      Object.assign(slider, { max: spans.length || 1, value: spans.length || 1 }); // in this order: max is a bound
      ask();
    }
    function ask() { // another class; the running answer is computed for 12 ms at a time, so that typing never waits
      const answers = running(model, seen.ids, seen.layers), skipped = seen.words.length - spans.length;
      said.textContent = `${model.class_names[target.value]}: ${percent(seen.probabilities[target.value])} after ` +
        `${spans.length} words${skipped ? `; ${skipped} more are not read` : ""}.`;
      values = [];
      [timer, pause].forEach(clearTimeout);
      const go = () => {
        for (const end = performance.now() + 12; values.length <= spans.length && performance.now() < end;)
          values.push(answers.next().value[target.value]);
        if (values.length > spans.length) draw(); else timer = setTimeout(go);
      };
      timer = setTimeout(go);
      paint();
    }
    function draw() { // the curve, the colours of the words, and the same in words
      const changes = spans.map((_, t) => values[t + 1] - values[t]);
      curve.setAttribute("viewBox", `0 0 ${Math.max(1, spans.length)} 1`);
      line.setAttribute("points", values.map((value, t) => `${t},${1 - value}`).join(" "));
      spans.forEach((span, t) => {
        const down = changes[t] < 0, strength = Math.min(40, Math.abs(changes[t]) * 300); // 3 is one point
        for (const [name, on] of [["up", !down], ["down", down]]) span.classList.toggle(name, on && strength > 3);
        span.style.background = `color-mix(in srgb, var(${down ? "--bad" : "--good"}) ${strength}%, transparent)`;
      });
      const order = [...changes.keys()].sort((a, b) => Math.abs(changes[b]) - Math.abs(changes[a]));
      const summary = `${said.textContent} Moved most by: ${order.slice(0, 3).map(told).join(", ") || "nothing yet"}.`;
      curve.setAttribute("aria-label", `Probability word by word. ${summary}`);
      pause = setTimeout(() => { heard.textContent = summary; }, 700); // once the typing rests
      point();
    }
    function paint() { // a column for each word, a row for each unit
      const all = drawn(), named = gate.selectedOptions[0].text, style = getComputedStyle(element);
      const largest = Math.max(1, ...all.map((column) => Math.max(...column.map(Math.abs)))); // only c goes beyond
      const [share, good, bad] = ["accent", "good", "bad"].map((name) => style.getPropertyValue(`--${name}`));
      Object.assign(canvas, { width: Math.max(1, all.length), height: model.hidden_size });
      canvas.setAttribute("aria-label", `${named}: ${all.length} words, ${model.hidden_size} units`);
      const brush = canvas.getContext("2d"); // it is cleared by its new size
      all.forEach((column, t) => column.forEach((value, unit) => {
        brush.fillStyle = named.includes("gate") ? share : value < 0 ? bad : good;
        brush.globalAlpha = Math.abs(value) / largest;
        brush.fillRect(t, unit, 1, 1);
      }));
      point();
    }
    function point() { // one word and its numbers
      if (values.length <= spans.length) return; // not all is known yet
      const t = slider.value - 1, gates = drawn()[t];
      marker.setAttribute("transform", `translate(${t + 1})`);
      spans.forEach((span, place) => span.classList.toggle("chosen", place === t));
      here.textContent = !gates ? "" : `Word ${t + 1}: ${told(t)}, to ${percent(values[t + 1])}. Mean of ` +
        `${gate.selectedOptions[0].text}: ${(gates.reduce((sum, one) => sum + one) / gates.length).toFixed(3)}.`;
      slider.setAttribute("aria-valuetext", here.textContent || "no word yet");
    }
    const listeners = [[area, change], [chosen, choose], [target, ask], [gate, paint], [slider, point]];
    for (const [control, listener] of listeners) control.addEventListener("input", listener);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", paint);
    fill(chosen, models.map((one, place) => [place, one.name]));
    choose();
  }
  return { mount, predict, running, tokens };
})();

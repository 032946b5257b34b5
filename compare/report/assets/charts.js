// Figures: drawing, hiding what the reader does not want to see, zooming, enlarging. Vega-Lite specifications in.
"use strict";

const Charts = (() => {
  const SHEET = { wide: 640, narrow: 310 }; // pixels of an A4 page
  const figures = new Map(); // name → { figure, specification, view }
  let shown = null;

  // Colours are named, not computed: the page changes them without drawing anew.
  function configuration(scale, width) {
    const size = (pixels) => Math.round(pixels * scale);
    const text = { labelColor: "var(--ink)", titleColor: "var(--ink)", labelFontSize: size(12), titleFontSize: size(12) };
    return {
      font: getComputedStyle(document.body).fontFamily,
      background: null,
      aria: false, // the whole picture has a text of its own
      padding: 4,
      view: { stroke: null },
      text: { fontSize: size(12) },
      axis: {
        ...text, titleFontWeight: "normal", titlePadding: size(8), gridColor: "var(--line)", gridOpacity: 0.8,
        domainColor: "var(--quiet)", tickColor: "var(--quiet)", labelPadding: size(4),
      },
      axisY: { labelLimit: Math.max(size(110), Math.round(width * 0.36)) },
      axisX: { labelLimit: size(110), labelSeparation: size(6) },
      legend: {
        ...text, orient: "top", direction: "horizontal", labelLimit: size(260), symbolSize: 90 * scale * scale, symbolStrokeWidth: 2 * scale,
        columnPadding: size(8), rowPadding: size(3), offset: size(6),
        layout: { top: { anchor: "start", bounds: "full", direction: "vertical", margin: size(4) } },
      },
    };
  }

  // Which rows the reader wants to see: those of no cell, and those of the cells that are chosen on the page.
  const wanted = (row) => !shown || Object.entries(shown).every(([key, names]) =>
    [row[key], row[`second_${key}`]].every((name) => name === undefined || name === null || names.includes(name)));

  // A copy with the rows that are wanted and legends that have room; larger if enlarged, and there the wheel zooms.
  function prepared({ datasets, ...specification }, size, width) {
    const copy = structuredClone(specification);
    const { scale, stretch } = size;
    const grown = { size: scale * scale, strokeWidth: scale, fontSize: scale, thickness: scale, bandSize: stretch, dx: scale, dy: scale };
    const room = width * (copy.layer.some((layer) => layer.encoding?.y?.type === "nominal") ? 0.6 : 0.88);
    const visit = (node, inside) => {
      if (Array.isArray(node)) { node.forEach((one) => visit(one, inside)); return; }
      if (node === null || typeof node !== "object") return;
      if (node.legend && node.scale?.domain && node.type !== "quantitative") {
        const needed = node.scale.domain.reduce((sum, name) => sum + 30 + 7 * name.length, 0) * scale;
        node.legend.columns = needed > room ? 2 : 0;
      }
      for (const [key, value] of Object.entries(node)) {
        if (inside === "mark" && key in grown && typeof value === "number") node[key] = value * grown[key];
        else if ((inside === "strokeWidth" || inside === "size") && key === "range") node[key] = value.map((one) => one * grown[inside]);
        else if (["padding", "labelLineHeight"].includes(key) && typeof value === "number") node[key] = value * scale;
        else visit(value, ["mark", "strokeWidth", "size"].includes(key) ? key : key === "scale" ? inside : null);
      }
    };
    visit(copy, null);
    if (scale > 1) for (const one of parameters(copy)) if (one.name === "zoom") one.select = { ...one.select, zoom: true, translate: true };
    const rows = datasets.rows.filter(wanted);
    const lines = (some) => new Set(some.map((row) => row[copy.usermeta.lines])).size;
    copy.height *= stretch * (lines(rows) / lines(datasets.rows));
    return { ...copy, datasets: { rows } };
  }

  function* parameters(specification) {
    yield* specification.params ?? [];
    for (const layer of specification.layer ?? []) yield* parameters(layer);
  }

  const zooms = (specification) => [...parameters(specification)].some((one) => one.name === "zoom");

  async function embed(place, specification, size = { scale: 1, stretch: 1 }) {
    const result = await vegaEmbed(place, prepared(specification, size, place.clientWidth), {
      mode: "vega-lite", renderer: "svg", ast: true, actions: false, defaultStyle: false, tooltip,
      config: configuration(size.scale, place.clientWidth),
      logLevel: 1, // errors; it warns of what it does rightly
    });
    return result.view;
  }

  // --- Tooltips: text only, whatever a name has in it ---

  let bubble = null;

  function tooltip(handler, event, item, value) {
    bubble?.remove();
    bubble = null;
    if (value === null || value === undefined || value === "" || typeof value !== "object") return;
    bubble = document.createElement("div");
    bubble.className = "chart-tooltip";
    const list = bubble.appendChild(document.createElement("dl"));
    for (const [title, text] of Object.entries(value)) {
      if (text === undefined || text === null || ["undefined", "null", "NaN", ""].includes(String(text))) continue;
      list.appendChild(document.createElement("dt")).textContent = title;
      list.appendChild(document.createElement("dd")).textContent = String(text);
    }
    (dialog?.open ? dialog : document.body).append(bubble);
    const { width, height } = bubble.getBoundingClientRect();
    const left = event.clientX + 14 + width > innerWidth ? event.clientX - width - 10 : event.clientX + 14;
    const top = event.clientY + 14 + height > innerHeight ? event.clientY - height - 10 : event.clientY + 14;
    bubble.style.left = `${Math.max(4, left)}px`;
    bubble.style.top = `${Math.max(4, top)}px`;
  }

  // --- Zooming by keys and buttons: the same events that a wheel and a pointer make ---

  function middle(place) {
    const plot = place.querySelector("svg .role-frame > g > path.background");
    if (!plot) return null;
    const box = plot.getBoundingClientRect();
    return { plot, clientX: box.x + box.width / 2, clientY: box.y + box.height / 2 };
  }

  function zoom(place, direction) {
    const at = middle(place);
    if (!at) return;
    const { plot, ...point } = at;
    const kind = direction === 0
      ? new MouseEvent("dblclick", { ...point, bubbles: true })
      : new WheelEvent("wheel", { ...point, bubbles: true, cancelable: true, ctrlKey: true, deltaY: direction * -250 });
    plot.dispatchEvent(kind);
  }

  function move(place, across, down) {
    const at = middle(place);
    if (!at) return;
    const { plot, clientX, clientY } = at;
    const options = { bubbles: true, shiftKey: true, button: 0, buttons: 1, pointerId: 1 };
    plot.dispatchEvent(new PointerEvent("pointerdown", { ...options, clientX, clientY }));
    window.dispatchEvent(new PointerEvent("pointermove", { ...options, clientX: clientX - across * 60, clientY: clientY - down * 60 }));
    window.dispatchEvent(new PointerEvent("pointerup", { ...options, clientX: clientX - across * 60, clientY: clientY - down * 60 }));
  }

  const KEYS = {
    "+": (place) => zoom(place, 1), "=": (place) => zoom(place, 1), "-": (place) => zoom(place, -1), 0: (place) => zoom(place, 0),
  };
  const ARROWS = {
    ArrowLeft: (place) => move(place, -1, 0), ArrowRight: (place) => move(place, 1, 0),
    ArrowUp: (place) => move(place, 0, -1), ArrowDown: (place) => move(place, 0, 1),
  };

  function press(event, place, keys) {
    if (event.ctrlKey || event.metaKey || event.altKey || !(event.key in keys)) return;
    event.preventDefault();
    keys[event.key](place);
  }

  // --- Enlarging ---

  let dialog = null;

  function button(text, label, action) {
    const made = document.createElement("button");
    made.type = "button";
    made.textContent = text;
    made.setAttribute("aria-label", label);
    made.title = label;
    made.addEventListener("click", action);
    return made;
  }

  async function enlarge({ figure, specification }) {
    if (dialog) return;
    const [title, note, alternative] = [
      figure.querySelector("figcaption strong").textContent,
      figure.querySelector("figcaption .note").textContent,
      figure.querySelector(".drawing").getAttribute("aria-label"),
    ];
    dialog = document.body.appendChild(document.createElement("dialog"));
    dialog.className = "enlarged";
    dialog.setAttribute("aria-label", title);
    const header = dialog.appendChild(document.createElement("header"));
    header.appendChild(document.createElement("h2")).textContent = title;
    const place = document.createElement("div");
    const zoomable = zooms(specification);
    if (zoomable) {
      header.append(
        button("+", "Zoom in", () => zoom(place, 1)), button("−", "Zoom out", () => zoom(place, -1)),
        button("0", "Show all", () => zoom(place, 0)),
      );
      dialog.addEventListener("keydown", (event) => press(event, place, { ...KEYS, ...ARROWS }));
    }
    header.append(button("×", "Close", () => dialog.close()));
    dialog.appendChild(document.createElement("p")).className = "note";
    dialog.querySelector(".note").textContent = zoomable ? `${note} Drag, scroll, or press + − 0 and the arrows.` : note;
    const drawing = dialog.appendChild(document.createElement("div"));
    drawing.className = "drawing";
    drawing.setAttribute("role", "img");
    drawing.setAttribute("aria-label", alternative);
    drawing.append(place);
    let view = null;
    const opened = dialog;
    opened.addEventListener("close", () => {
      bubble?.remove();
      view?.finalize();
      opened.remove();
      dialog = null;
      figure.focus();
    });
    opened.showModal();
    // Drawn once to see how high it is, and again so that it fills the window.
    const scale = Math.min(1.7, Math.max(1.05, place.clientWidth / 760));
    view = await embed(place, specification, { scale, stretch: scale });
    const spare = opened.clientHeight - opened.scrollHeight || opened.getBoundingClientRect().bottom - place.getBoundingClientRect().bottom - 24;
    const stretch = scale * Math.max(0.65, Math.min(2.5, 1 + spare / view.height()));
    view.finalize();
    view = await embed(place, specification, { scale, stretch });
    if (!opened.isConnected) view.finalize();
  }

  // --- The page's choice ---

  // Whether enough is left of a figure: a difference needs two frameworks.
  function remains({ specification }) {
    const rows = specification.datasets.rows.filter(wanted);
    const frameworks = new Set(rows.flatMap((row) => [row.framework, row.second_framework]).filter(Boolean));
    const any = specification.datasets.rows.some((row) => row.framework);
    return rows.length > 0 && (!any || frameworks.size >= specification.usermeta.least_frameworks);
  }

  let round = 0;

  // Draw all figures with what the reader wants to see, those in sight first; between two of them the page can
  // answer. A figure is drawn anew: what Vega takes out and puts back comes back in another order.
  async function redraw() {
    const own = ++round;
    document.documentElement.dataset.charts = "drawing";
    const all = [...figures.values()];
    all.forEach((one) => { one.figure.hidden = !remains(one); });
    for (const row of document.querySelectorAll(".figures .row")) {
      let next = row.nextElementSibling;
      while (next?.matches("figure") && next.hidden) next = next.nextElementSibling;
      row.hidden = !next?.matches("figure");
    }
    const inSight = ({ figure }) => { const box = figure.getBoundingClientRect(); return box.top < innerHeight && box.bottom > 0; };
    const visible = all.filter(inSight);
    for (const one of [...visible, ...all.filter((other) => !visible.includes(other))]) {
      if (!one.figure.hidden) {
        try {
          const view = await embed(one.place, one.specification);
          one.view?.finalize();
          one.view = view;
        } catch (error) {
          console.error(`chart ${one.figure.dataset.chart}: ${error}`); // its text stays
        }
        await new Promise((done) => setTimeout(done));
      }
      if (own !== round) return; // the reader has chosen otherwise meanwhile
    }
    document.documentElement.dataset.charts = "drawn";
  }

  async function show(frameworks, architectures) {
    shown = { framework: frameworks, architecture: architectures };
    if (figures.size) await redraw();
  }

  // --- Paper: every picture is drawn at the width that it has there ---

  function startPrinting() {
    addEventListener("beforeprint", () => figures.forEach(({ figure, view }) => {
      view?.signal("width", figure.classList.contains("wide") ? SHEET.wide : SHEET.narrow).run();
    }));
    addEventListener("afterprint", () => figures.forEach(({ place, view }) => {
      view?.signal("width", place.clientWidth).run();
    }));
  }

  function start(name, specification) {
    const figure = document.querySelector(`figure[data-chart="${CSS.escape(name)}"]`);
    if (!figure) return;
    const one = { figure, specification, place: figure.querySelector(".drawing > div"), view: null };
    figures.set(name, one);
    figure.append(button("⤢", `Enlarge: ${figure.querySelector("figcaption strong").textContent}`, () => enlarge(one)));
    figure.lastChild.className = "enlarge";
    figure.lastChild.tabIndex = -1; // the figure itself is in the order of keys
    figure.setAttribute("aria-description", zooms(specification) ? "Enter enlarges, plus and minus zoom, 0 shows all." : "Enter enlarges.");
    figure.addEventListener("keydown", (event) => {
      if (event.target !== figure) return;
      if (event.key === "Enter") { event.preventDefault(); enlarge(one); } else if (zooms(specification)) press(event, one.place, KEYS);
    });
  }

  async function draw(specifications) {
    Object.entries(specifications).forEach(([name, specification]) => start(name, specification));
    startPrinting();
    await redraw();
  }

  return { draw, show };
})();

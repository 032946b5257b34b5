// The page itself: theme, sorting and filtering of tables, search among the reviews, downloads.
"use strict";

const Page = (() => {
  const FIRST = 8; // reviews that are shown before one asks for all
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];

  // A page opened from a file may not be allowed to remember anything.
  const remembered = {
    get: (key) => { try { return localStorage.getItem(key); } catch { return null; } },
    set: (key, value) => { try { localStorage.setItem(key, value); } catch { /* then not */ } },
  };

  function startTheme() {
    const root = document.documentElement;
    const button = document.getElementById("theme");
    const dark = () => root.dataset.theme
      ? root.dataset.theme === "dark"
      : matchMedia("(prefers-color-scheme: dark)").matches;
    const show = () => {
      button.textContent = dark() ? "Light" : "Dark";
      button.setAttribute("aria-label", `Change to ${dark() ? "light" : "dark"} colours`);
    };
    const kept = remembered.get("lockstep-theme");
    if (kept === "dark" || kept === "light") root.dataset.theme = kept;
    button.addEventListener("click", () => {
      root.dataset.theme = dark() ? "light" : "dark";
      remembered.set("lockstep-theme", root.dataset.theme);
      show();
    });
    show();
  }

  // Numbers are compared as numbers, by the full value and not by the digits that are shown; empty cells come last.
  function compare(first, second, ascending) {
    const [a, b] = [first, second].map((cell) => cell?.dataset.value ?? cell?.textContent.trim() ?? "");
    if (a === "" || b === "") return (a === "") - (b === "");
    const [x, y] = [Number(a), Number(b)];
    const order = Number.isNaN(x) || Number.isNaN(y) ? a.localeCompare(b) : x - y;
    return ascending ? order : -order;
  }

  function sort(table, head) {
    const column = [...head.parentElement.children].indexOf(head);
    const ascending = head.getAttribute("aria-sort") === "none"
      ? head.dataset.first !== "descending"
      : head.getAttribute("aria-sort") === "descending";
    all("thead th[aria-sort]", table).forEach((other) => other.setAttribute("aria-sort", "none"));
    head.setAttribute("aria-sort", ascending ? "ascending" : "descending");
    const body = table.tBodies[0];
    [...body.rows].sort((a, b) => compare(a.cells[column], b.cells[column], ascending))
      .forEach((row) => body.append(row));
  }

  function startSorting() {
    all("table.sortable").forEach((table) => {
      all("thead th", table).forEach((head) => {
        const button = document.createElement("button");
        button.type = "button";
        button.append(...head.childNodes);
        head.append(button);
        head.setAttribute("aria-sort", "none");
        button.addEventListener("click", () => sort(table, head));
      });
    });
  }

  const chosen = (name) => new Set(all(`input[name="${name}"]:checked`).map((input) => input.value));

  // One choice for the whole page: rows of tables, reviews' answers and marks of pictures.
  function filter() {
    const frameworks = chosen("framework");
    const architectures = chosen("architecture");
    const allows = (names, value) => value === undefined || names.has(value) || !all(`input[value="${CSS.escape(value)}"]`).length;
    all("[data-framework], [data-architecture]").forEach((element) => {
      const { framework, architecture } = element.dataset;
      const parts = (text) => text?.split(" ") ?? [undefined];
      element.hidden = !(parts(framework).every((one) => allows(frameworks, one))
        && parts(architecture).every((one) => allows(architectures, one)));
    });
    if (typeof Charts !== "undefined") Charts.show([...frameworks], [...architectures]);
  }

  function startFilters() {
    all(".filters input").forEach((input) => input.addEventListener("change", filter));
  }

  function startSearch() {
    const search = document.getElementById("search");
    if (!search) return;
    const reviews = all("#reviews .review");
    const texts = reviews.map((review) => review.textContent.toLowerCase());
    const count = document.getElementById("found");
    const more = document.getElementById("more");
    let everything = false;
    const show = () => {
      const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
      const kinds = chosen("kind");
      let shown = 0;
      reviews.forEach((review, place) => {
        const fits = review.dataset.kinds.split("|").some((kind) => kinds.has(kind))
          && words.every((word) => texts[place].includes(word));
        shown += fits;
        review.hidden = !fits || (shown > FIRST && !everything);
      });
      count.textContent = `${shown} of ${reviews.length} reviews`;
      more.hidden = everything || shown <= FIRST;
      more.textContent = `Show all ${shown}`;
    };
    more.addEventListener("click", () => { everything = true; show(); });
    search.addEventListener("input", show);
    all('input[name="kind"]').forEach((input) => input.addEventListener("change", show));
    show();
  }

  function save(name, type, text) {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type }));
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  }

  const json = (id) => JSON.parse(document.getElementById(id).textContent);

  function startDownloads() {
    all("button[data-csv]").forEach((button) => button.addEventListener("click", () => {
      save(`${button.dataset.csv}.csv`, "text/csv", json("tables")[button.dataset.csv]);
    }));
    document.getElementById("save-statistics").addEventListener("click", () => {
      save("statistics.json", "application/json", JSON.stringify(json("statistics"), null, 1));
    });
  }

  // What is folded away on the screen is wanted on paper, but for long lists.
  function startPrinting() {
    addEventListener("beforeprint", () => all("details.print").forEach((one) => { one.open = true; }));
  }

  function start() {
    startTheme();
    startSorting();
    startFilters();
    startSearch();
    startDownloads();
    startPrinting();
    if (typeof Charts !== "undefined") Charts.draw(json("charts"));
    const room = document.getElementById("playground");
    if (room && typeof Playground !== "undefined") Playground.mount(room, json("models"));
    document.documentElement.dataset.ready = "yes";
  }

  return { start };
})();

Page.start();

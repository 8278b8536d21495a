"use strict";
(() => {
  const read = (id) => JSON.parse(document.getElementById(id).textContent);
  const figures = read("figures"), dark = read("dark"), config = read("config");
  const texts = Object.fromEntries(
    Object.entries(figures).map(([name, figure]) => [name, JSON.stringify(figure)]));

  function draw(isDark, width) {
    for (const place of document.querySelectorAll("[data-figure]")) {
      let text = texts[place.dataset.figure];
      if (isDark) for (const [from, to] of Object.entries(dark)) text = text.replaceAll(from, to);
      const figure = JSON.parse(text);
      if (width) figure.layout.width = width;
      // A responsive figure is as high as its place, which is as high as it only at first.
      if (figure.layout.height) place.style.height = `${figure.layout.height}px`;
      Plotly.react(place, figure.data, figure.layout, config);
    }
  }
  const scheme = window.matchMedia("(prefers-color-scheme: dark)");
  draw(scheme.matches);
  scheme.addEventListener("change", () => draw(scheme.matches));
  window.addEventListener("beforeprint", () => draw(false, 680));
  window.addEventListener("afterprint", () => draw(scheme.matches));

  // Rows are sorted within their group, so that members stay apart from references.
  function sort(heading) {
    const row = heading.parentElement, column = [...row.children].indexOf(heading);
    const up = heading.getAttribute("aria-sort") !== "ascending";
    for (const other of row.children) other.removeAttribute("aria-sort");
    heading.setAttribute("aria-sort", up ? "ascending" : "descending");
    const key = (line) => {
      const text = line.children[column].dataset.value;
      return text === "" ? NaN : Number.isNaN(Number(text)) ? text : Number(text);
    };
    const missing = (value) => typeof value === "number" && Number.isNaN(value);
    for (const body of heading.closest("table").tBodies) {
      const lines = [...body.rows].filter((line) => !line.classList.contains("group"));
      lines.sort((a, b) => {
        const [x, y] = [key(a), key(b)];
        if (missing(x) || missing(y)) return missing(x) - missing(y);
        if (typeof x !== typeof y) return typeof x === "number" ? -1 : 1;
        return (x < y ? -1 : x > y ? 1 : 0) * (up ? 1 : -1);
      });
      body.append(...lines);
    }
  }
  for (const heading of document.querySelectorAll("th[data-sort]")) {
    heading.tabIndex = 0;
    heading.addEventListener("click", () => sort(heading));
    heading.addEventListener("keydown", (event) => {
      if (event.key === "Enter" || event.key === " ") { event.preventDefault(); sort(heading); }
    });
  }
})();

// What Sphinx and its theme leave out for readers with a keyboard or a screen reader.
document.addEventListener("DOMContentLoaded", () => {
  const label = (selector, text) => document.querySelector(selector)?.setAttribute("aria-label", text);
  label(".sidebar-drawer", "Pages");
  label(".toc-drawer", "On this page");
  for (const box of document.querySelectorAll("pre, .table-wrapper, div.math, .output")) {
    if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
  }
  // The arguments of a long signature are a list of definitions without terms.
  for (const list of document.querySelectorAll("dt.sig dl")) {
    const box = document.createElement("div");
    box.className = "arguments";
    for (const argument of [...list.children]) {
      const line = document.createElement("div");
      line.append(...argument.childNodes);
      box.append(line);
    }
    list.replaceWith(box);
  }
  const results = document.getElementById("search-results");
  if (results && !document.querySelector("h1")) {
    const title = document.createElement("h1");
    title.textContent = "Search";
    results.before(title);
  }
});

// What Sphinx and its theme leave out for readers with a keyboard or a screen reader.
document.addEventListener("DOMContentLoaded", () => {
  const label = (selector, text) => document.querySelector(selector)?.setAttribute("aria-label", text);
  label(".sidebar-drawer", "Pages");
  label(".toc-drawer", "On this page");
  // What scrolls is reached by the keyboard; how wide pictures are is known when they are here.
  const reach = () => {
    for (const box of document.querySelectorAll("pre, .table-wrapper, div.math, .output, p:has(> img)")) {
      if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
    }
  };
  reach();
  window.addEventListener("load", reach);
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
  // The site of a version is in a folder of its name, that of the newest in the folder around it; versions.json there
  // lists all of them, the newest first.
  const versions = document.querySelector(".version select");
  if (versions) {
    const { site, page } = versions.dataset;
    fetch(`${site}/versions.json`)
      .then((response) => response.json())
      .then((names) => {
        const here = versions.value;
        versions.replaceChildren(...names.map((name) => new Option(name, name, name === here, name === here)));
        versions.hidden = names.length < 2;
        versions.previousElementSibling.hidden = !versions.hidden;
        versions.onchange = () => {
          location.href = [site, ...(versions.selectedIndex ? [versions.value] : []), page].join("/");
        };
      })
      .catch(() => {}); // a copy that someone reads offline has the one version
  }
});

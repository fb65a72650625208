// Runs the Python of <pre class="live"> in the page, by Pyodide. What it takes is in data-pyodide and data-wheel of
// the <script>, or in ?pyodide=…&wheel=… of the address; it is fetched when a box is run for the first time.
(() => {
  const script = document.currentScript;
  const asked = new URLSearchParams(location.search);
  const wanted = (name) => asked.get(name) || script.dataset[name] || "";

  const SHOW = `
def _show(value):
    for name, kind in (("_repr_html_", "html"), ("_repr_svg_", "html")):
        method = getattr(value, name, None)
        if method is not None and (found := method()):
            return [kind, found]
    return ["text", "" if value is None else repr(value)]
_show
`;

  const load = (address) =>
    new Promise((resolve, reject) => {
      const tag = document.createElement("script");
      tag.src = address;
      tag.onload = resolve;
      tag.onerror = () => reject(new Error(`${address} cannot be loaded`));
      document.head.append(tag);
    });

  let machine;
  const start = async () => {
    const [pyodide, wheel] = [wanted("pyodide"), wanted("wheel")];
    if (!pyodide || !wheel) {
      throw new Error("There is no Python behind this page yet: give it ?pyodide=…/pyodide.js&wheel=….whl");
    }
    await load(pyodide);
    const python = await globalThis.loadPyodide();
    await python.loadPackage(["numpy", "micropip"]);
    python.globals.set("_wheel", new URL(wheel, location.href).href);
    await python.runPythonAsync("import micropip; await micropip.install(_wheel, deps=False)");
    python.show = python.runPython(SHOW);
    return python;
  };

  const run = async (code, out, button) => {
    button.disabled = true;
    out.className = "live-out";
    out.textContent = machine ? "…" : "Python is starting …";
    try {
      machine ??= start();
      const python = await machine;
      const printed = [];
      python.setStdout({ batched: (line) => printed.push(line) });
      await python.loadPackagesFromImports(code);
      const [kind, shown] = python.show(await python.runPythonAsync(code)).toJs();
      out.textContent = printed.join("\n") + (printed.length && kind === "text" && shown ? "\n" : "");
      const last = document.createElement("div");
      last[kind === "html" ? "innerHTML" : "textContent"] = shown;
      out.append(last);
    } catch (error) {
      if (!globalThis.loadPyodide) machine = undefined; // so that the next click tries again
      out.className = "live-out live-error";
      out.textContent = String(error.message || error).trim().split("\n").slice(-12).join("\n");
    } finally {
      button.disabled = false;
    }
  };

  const dress = (pre) => {
    const [box, code, button, out] = ["div", "textarea", "button", "div"].map((tag) => document.createElement(tag));
    box.className = "live-box";
    code.value = pre.textContent.trim();
    code.rows = code.value.split("\n").length;
    code.spellcheck = false;
    code.setAttribute("aria-label", "Python code");
    button.textContent = "Run";
    out.setAttribute("role", "status");
    button.onclick = () => run(code.value, out, button);
    code.onkeydown = (event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.shiftKey)) {
        event.preventDefault();
        button.click();
      }
    };
    box.append(code, button, out);
    pre.replaceWith(box);
  };

  const all = () => document.querySelectorAll("pre.live").forEach(dress);
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", all);
  else all();
})();

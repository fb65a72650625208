// Reads a JSON list of Mermaid texts, parses each with the npm package mermaid, and writes what it understood.
// The packages are looked for in the folder that MERMAID_HOME names.
"use strict";
const fs = require("fs");
const path = require("path");
const { pathToFileURL } = require("url");
const home = path.join(process.env.MERMAID_HOME, "node_modules");
const { JSDOM } = require(path.join(home, "jsdom"));

const page = new JSDOM("<!DOCTYPE html><body></body>");
globalThis.window = page.window;
globalThis.document = page.window.document;

async function understood(mermaid, text) {
  try {
    await mermaid.parse(text);
    const { db } = await mermaid.mermaidAPI.getDiagramFromText(text);
    return {
      nodes: Object.fromEntries([...db.getVertices().values()].map((v) => [v.id, v.text])),
      classes: Object.fromEntries([...db.getVertices().values()].map((v) => [v.id, v.classes])),
      edges: db.getEdges().map((e) => [e.start, e.end, e.stroke, e.type, e.text]),
      groups: db.getSubGraphs().map((s) => [s.title, s.nodes]),
    };
  } catch (error) {
    return { error: String(error) };
  }
}

(async () => {
  const bundle = path.join(home, "mermaid", "dist", "mermaid.core.mjs");
  const mermaid = (await import(pathToFileURL(bundle))).default;
  mermaid.initialize({ startOnLoad: false });
  const found = [];
  for (const text of JSON.parse(fs.readFileSync(0, "utf8"))) found.push(await understood(mermaid, text));
  process.stdout.write(JSON.stringify(found));
})();

// ---- the graph, and which of its boxes are visible -------------------------------------------------------------------

const data = JSON.parse(document.getElementById('data').textContent);
const nodes = data.nodes, groups = [{ name: '', parent: -1, kind: 'root' }, ...data.groups];
const hasBackward = nodes.some((n) => n.role);
nodes.forEach((n, i) => { n.id = i; n.inputs = n.inputs || []; n.kind = n.kind || 'op'; n.group = n.group || 0; });
for (const g of groups) { g.children = []; g.parent = g.parent || 0; g.nodes = 0; }
groups[0].parent = -1;
groups.forEach((g, i) => { if (i) groups[g.parent].children.push(i); });
const pathOfGroup = groups.map((g, i) => {
  const path = [];
  for (let at = i; at > 0; at = groups[at].parent) path.unshift(at);
  return path;
});
const moduleName = (g) => pathOfGroup[g].filter((p) => groups[p].kind === 'module').map((p) => groups[p].name).join('.');

// What takes a result out of a call is shown with the call, if that is a part of the same pass.
const partOf = (i) => (nodes[i].result && !nodes[i].role === !nodes[nodes[i].inputs[0]].role ? nodes[i].inputs[0] : i);
const partsOf = nodes.map(() => []);
for (const n of nodes) if (partOf(n.id) !== n.id) partsOf[partOf(n.id)].push(n.id);
const readers = nodes.map(() => []);
for (const n of nodes) for (const i of new Set(n.inputs)) readers[i].push(n.id);
// For each forward node: the nodes of its rules, its complete cotangent, and the ops that saved it.
const backOf = nodes.map(() => []), cotangent = new Map(), savedBy = nodes.map(() => []), flowsOf = nodes.map(() => []);
for (const n of nodes) {
  if (!n.role) continue;
  if (n.of) backOf[n.of - 1].push(n.id);
  if (n.role === 'seed') cotangent.set(n.of - 1, n.id);
  for (const i of n.inputs) if (!nodes[i].role && n.of && !savedBy[i].includes(n.of - 1)) savedBy[i].push(n.of - 1);
}
for (const [op, argument, into, contribution, total] of data.flows) {
  cotangent.set(into, total);
  flowsOf[op].push({ op, argument, into, contribution, total });
}
const isOutput = new Set(data.outputs);
const gradientOf = new Map([...cotangent].filter(([i]) => nodes[i].kind === 'parameter').map(([i, c]) => [c, i]));

const state = {
  mode: hasBackward ? 'both' : 'forward', open: new Set(), overlay: '', selected: '', reach: 'near', end: '', theme: '',
};

// What a mode shows of the graph: its nodes, the frame of each, and the lines between them.
const bases = {};
function base(mode) {
  const wanted = mode === 'backward' ? 'backward' : 'forward';
  if (bases[wanted]) return bases[wanted];
  const home = new Map(), edges = [], saved = new Map();
  for (const n of nodes) {
    if (!!n.role !== (wanted === 'backward')) continue;
    home.set(n.id, n.group);
    for (const i of n.inputs) {
      edges.push([i, n.id]);
      if (wanted === 'backward' && !nodes[i].role) saved.set(i, saved.has(i) ? sharedGroup(saved.get(i), n.group) : n.group);
    }
  }
  // A saved tensor is shown where it is read.
  for (const [i, g] of saved) home.set(i, g);
  const first = new Map(), count = new Map();
  for (const i of [...home.keys()].sort((a, b) => a - b)) {
    for (const g of [0, ...pathOfGroup[home.get(i)]]) {
      if (!first.has(g)) first.set(g, i);
      count.set(g, (count.get(g) || 0) + 1);
    }
  }
  return (bases[wanted] = { home, edges, first, count });
}

function sharedGroup(a, b) {
  const pa = pathOfGroup[a], pb = pathOfGroup[b];
  let shared = 0;
  for (let d = 0; d < pa.length && pa[d] === pb[d]; d++) shared = pa[d];
  return shared;
}

// ---- open and shut ---------------------------------------------------------------------------------------------------

const DEPTHS = Math.max(0, ...pathOfGroup.map((p) => p.length));

function openToDepth(depth) {
  state.open = new Set();
  groups.forEach((g, i) => { if (i && pathOfGroup[i].length <= depth) state.open.add(i); });
}

// What the picture shows: its boxes are shut, and the modules around them open.
function openAtFirst() {
  state.open = new Set();
  groups.forEach((g, i) => { if (i && !pathOfGroup[i].some((p) => groups[p].shut)) state.open.add(i); });
}

// A shut frame is shut inside as well, so that it opens one level at a time.
function shut(g) {
  for (const other of [...state.open]) if (pathOfGroup[other].includes(g)) state.open.delete(other);
}

// The box that shows a node: its own, or the outermost shut frame around it.
function standIn(i, g) {
  for (const p of pathOfGroup[g]) if (!state.open.has(p)) return 'm' + p;
  return 'n' + (base(state.mode).home.has(partOf(i)) ? partOf(i) : i);
}

// In the mirror, a node of the backward pass is shown in the box next to its op.
function boxOf(i) {
  const n = nodes[i];
  if (state.mode === 'both' && n.role) {
    const of = gradientOf.has(i) ? gradientOf.get(i) : n.of - 1;
    return of >= 0 ? standIn(of, nodes[of].group) + "'" : '';
  }
  const home = base(state.mode).home;
  return home.has(i) ? standIn(i, home.get(i)) : '';
}

// Open what hides a node, and go to a mode that has it.
function reveal(i) {
  const n = nodes[i];
  if (state.mode === 'forward' && n.role) state.mode = 'both';
  if (!base(state.mode).home.has(i) && !(state.mode === 'both' && n.role)) state.mode = 'both';
  const seen = state.mode === 'both' && n.role ? (gradientOf.has(i) ? gradientOf.get(i) : n.of - 1) : i;
  if (seen < 0) return;
  const home = base(state.mode).home.get(seen);
  for (const p of pathOfGroup[home === undefined ? nodes[seen].group : home]) state.open.add(p);
}

function toggle(id) {
  const name = id.replace("'", '');
  let g = 0;
  if (name[0] === 'm') g = +name.slice(1);
  else { const home = base(state.mode).home.get(+name.slice(1)); g = home === undefined ? 0 : home; }
  if (!g) return '';
  if (state.open.has(g)) shut(g);
  else { state.open.add(g); openLone(g); }
  return 'm' + g;
}

// A frame with nothing but one frame inside is skipped.
function openLone(g) {
  const { home, count } = base(state.mode);
  const inside = groups[g].children.filter((c) => count.get(c));
  const own = [...home.values()].some((h) => h === g);
  if (inside.length === 1 && !own) { state.open.add(inside[0]); openLone(inside[0]); }
}

// ---- the picture: items, lines, and the tree to lay out --------------------------------------------------------------

function makePicture() {
  const { home, edges, first } = base(state.mode), items = new Map(), stand = new Map();
  for (const i of [...home.keys()].sort((a, b) => a - b)) {
    const id = standIn(i, home.get(i));
    stand.set(i, id);
    if (!items.has(id)) items.set(id, newItem(id, id[0] === 'm' ? groups[+id.slice(1)].parent : home.get(i), i));
    items.get(id).members.push(i);
  }
  const frames = new Map([[0, newFrame(0)]]);
  for (const item of items.values()) {
    for (const g of [...pathOfGroup[item.parent]]) if (!frames.has(g)) frames.set(g, newFrame(g));
  }
  for (const item of items.values()) frames.get(item.parent).inside.push(item);
  for (const frame of frames.values()) if (frame.group) frames.get(groups[frame.group].parent).inside.push(frame);
  for (const frame of frames.values()) frame.inside.sort((a, b) => (a.first ?? first.get(a.group)) - (b.first ?? first.get(b.group)));
  const picture = { items, frames, stand, edges: linesBetween(edges, stand, items), saved: [], mirror: state.mode === 'both' };
  for (const item of items.values()) item.twin = picture.mirror ? twinOf(item) : null;
  if (picture.mirror) addMirrorLines(picture);
  return picture;
}

const newItem = (id, parent, first) => ({
  id, parent, first, group: id[0] === 'm' ? +id.slice(1) : 0, node: id[0] === 'n' ? +id.slice(1) : -1, members: [], out: [], into: [],
});
const newFrame = (group) => ({ id: 'm' + group, group, frame: true, inside: [] });

const QUIET = new Set(['parameter', 'constant', 'state']);

function linesBetween(edges, stand, items) {
  const found = new Map();
  for (const [i, j] of edges) {
    const s = stand.get(i), t = stand.get(j);
    if (s === t || s === undefined) continue;
    const key = s + ' ' + t;
    if (!found.has(key)) found.set(key, { s, t, quiet: true, through: [], gradient: false, mixed: false });
    const line = found.get(key);
    if (!line.through.includes(i)) line.through.push(i);
    if (!QUIET.has(nodes[i].kind)) line.quiet = false;
  }
  for (const line of found.values()) {
    if (state.mode === 'backward') line.kind = line.through.every((i) => !nodes[i].role && nodes[i].kind !== 'constant') ? 'saved' : line.quiet ? 'data' : 'gradient';
    items.get(line.s).out.push(line); items.get(line.t).into.push(line);
  }
  return [...found.values()];
}

// The box next to an item in the mirror: the rules of its ops, or the gradient that arrives at it.
function twinOf(item) {
  const back = item.members.flatMap((i) => backOf[i]);
  const flows = item.members.reduce((n, i) => n + flowsOf[i].length, 0);
  const arrives = item.node >= 0 && nodes[item.node].kind !== 'op' && cotangent.has(item.node);
  if (!back.length && !flows && !arrives) return null;
  return { id: item.id + "'", item, back, flows, arrives, node: -1, members: back, mirror: true, group: item.group, parent: item.parent };
}

function addMirrorLines(picture) {
  const { items, stand } = picture, links = new Map(), byKey = new Map(picture.edges.map((e) => [e.s + ' ' + e.t, e]));
  for (const [op, , into] of data.flows) {
    const line = byKey.get(stand.get(into) + ' ' + stand.get(op));
    if (line && items.get(line.s).twin && items.get(line.t).twin) line.gradient = true;
  }
  for (const item of items.values()) {
    if (!item.twin) continue;
    for (const b of item.twin.back) {
      for (const i of nodes[b].inputs) {
        if (nodes[i].role || nodes[i].kind === 'constant' || nodes[i].kind === 'state') continue;
        const s = stand.get(i), key = s + ' ' + item.id;
        if (s === undefined) continue;
        if (!links.has(key)) links.set(key, { s, t: item.id + "'", what: new Set() });
        links.get(key).what.add(i);
      }
    }
  }
  for (const link of links.values()) {
    link.bytes = [...link.what].reduce((sum, i) => sum + (nodes[i].bytes || 0), 0);
    picture.saved.push(link);
  }
}

// The tree for the layout. Every line is cut where it crosses the border of a frame; the parts are kept with the line.
function makeTree(picture, sizeOf) {
  const trees = new Map();
  for (const frame of picture.frames.values()) {
    trees.set(frame.id, { items: [], edges: [], entries: [], exits: [], least: frame.group ? frameTitle(frame.group).width + 40 : 0, stack: groups[frame.group].kind === 'repeat', known: new Map() });
  }
  for (const frame of picture.frames.values()) {
    frame.tree = trees.get(frame.id);
    frame.inside.forEach((thing, i) => {
      if (!thing.frame) { const [w, h] = sizeOf(thing); thing.tree = { w, h }; }
      else thing.tree = trees.get(thing.id);
      thing.at = i;
      frame.tree.items.push(thing.tree);
    });
  }
  for (const line of picture.edges) {
    const s = picture.items.get(line.s), t = picture.items.get(line.t);
    const up = [0, ...pathOfGroup[s.parent]], down = [0, ...pathOfGroup[t.parent]];
    let d = 0;
    while (d + 1 < up.length && d + 1 < down.length && up[d + 1] === down[d + 1]) d++;
    const place = (chain, k, item) => (k + 1 < chain.length ? picture.frames.get(chain[k + 1]).at : item.at);
    const part = (g, a, b) => levelEdge(picture.frames.get(g), a, b, line);
    line.parts = [];
    for (let k = up.length - 1; k > d; k--) line.parts.push(part(up[k], place(up, k, s), -1));
    line.parts.push(part(up[d], place(up, d, s), place(down, d, t)));
    for (let k = d + 1; k < down.length; k++) line.parts.push(part(down[k], -1, place(down, k, t)));
  }
  for (const tree of trees.values()) delete tree.known;
  return trees.get('m0');
}

function levelEdge(frame, a, b, line) {
  const tree = frame.tree, name = a + ' ' + b + ' ' + line.s, weight = line.quiet ? 1 : 8;
  if (tree.known.has(name)) {
    const at = tree.known.get(name);
    tree.edges[at][3] = Math.max(tree.edges[at][3], weight);
    return [frame, at];
  }
  if (a < 0 && !tree.entries.includes(line.s)) tree.entries.push(line.s);
  if (b < 0 && !tree.exits.includes(line.s)) tree.exits.push(line.s);
  tree.known.set(name, tree.edges.length);
  tree.edges.push([a, b, line.s, weight]);
  return [frame, tree.edges.length - 1];
}

// After the layout: where everything is in the whole picture.
function settle(picture, root) {
  const stack = [[picture.frames.get(0), root, 0, 0]];
  while (stack.length) {
    const [frame, tree, x, y] = stack.pop();
    Object.assign(frame, { x, y, w: tree.w, h: tree.h, laid: tree });
    frame.inside.forEach((thing, i) => {
      const t = tree.items[i];
      if (thing.frame) stack.push([thing, t, x + t.x, y + t.y]);
      else Object.assign(thing, { x: x + t.x, y: y + t.y, w: t.w, h: t.h });
    });
  }
  for (const line of picture.edges) {
    line.points = [];
    for (const [frame, at] of line.parts) {
      for (const [px, py] of frame.laid.edges[at].points) {
        const p = [frame.x + px, frame.y + py], last = line.points[line.points.length - 1];
        if (!last || Math.abs(last[0] - p[0]) > 0.01 || Math.abs(last[1] - p[1]) > 0.01) line.points.push(p);
      }
    }
  }
  picture.w = root.w; picture.h = root.h;
}

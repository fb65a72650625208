// The layered layout of nested boxes. Pure: it knows neither the page nor the graph, so it can run in a worker.
//
// A frame is laid out after the frames inside it, and is one box in its parent. A line that crosses a border
// does so at a port: all lines from one source share the ports, and the lanes between them, as far as they run together.
// In each frame: layers (Sugiyama, Tagawa, Toda 1981), lanes for long lines, barycenter sweeps, straight columns
// (Brandes, Koepf 2002), and coordinate descent towards the neighbours.
//
// A tree: {w, h} of a box; {items, edges, entries, exits, least, stack} of a frame. An edge is [from, to, key, weight]: numbers
// of items, -1 for the outside; the key names the source. The layout adds x, y, w, h (relative to the frame), `ports`
// and, for every edge, its points from top to bottom.
const PAD = 16, TITLE = 20, TIP = 7, ROW = 1500;
const GAP = { boxes: 26, beside: 16, lanes: 13, row: 32, rowMost: 76, slope: 0.08, port: 16 };

function* layoutTree(root) {
  const order = [], stack = [root];
  while (stack.length) {
    const tree = stack.pop();
    if (tree.items) { order.push(tree); stack.push(...tree.items); }
  }
  for (const tree of order.reverse()) {
    if (!tree.done) layoutFrame(tree, tree === root);
    tree.done = true;
    yield tree;
  }
  return root;
}

function layoutFrame(tree, isRoot) {
  const g = vertices(tree);
  setLayers(g);
  addLanes(g);
  const rows = orderRows(g);
  setColumns(g, rows);
  const left = Math.min(0, ...g.v.map((v) => v.x - v.w / 2));
  for (const v of g.v) v.x -= left;
  setRows(g, rows, isRoot);
  const right = Math.max(0, ...g.v.map((v) => v.x + v.w / 2));
  const side = isRoot ? 0 : PAD, top = isRoot ? 0 : PAD + TITLE;
  const spare = isRoot ? 0 : Math.max(0, (tree.least || 0) - right - 2 * side) / 2;
  tree.w = right + 2 * (side + spare);
  tree.h = g.bottom + top + (isRoot ? 0 : PAD);
  const dx = side + spare, dy = top;
  tree.items.forEach((item, i) => { item.x = g.v[i].x - item.w / 2 + dx; item.y = g.v[i].y + dy; });
  tree.ports = { in: {}, out: {} };
  for (const v of g.v) if (v.port) tree.ports[v.port][v.key] = v.x + dx - tree.w / 2;
  tree.edges.forEach((edge, i) => { edge.points = route(g, g.edges[i], isRoot ? null : tree, dx, dy); });
}

// ---- the items of a frame ---------------------------------------------------------------------------------------------

function vertices(tree) {
  const v = tree.items.map((item, i) => ({ w: item.w, h: item.h, item, i }));
  const entry = new Map(), exit = new Map();
  for (const key of tree.entries) { entry.set(key, v.length); v.push({ w: 0, h: 0, port: 'in', key }); }
  for (const key of tree.exits) { exit.set(key, v.length); v.push({ w: 0, h: 0, port: 'out', key }); }
  const rank = acyclicRank(tree.items.length, tree.edges);
  const edges = tree.edges.map(([a, b, key, weight]) => {
    const from = a < 0 ? entry.get(key) : a, to = b < 0 ? exit.get(key) : b;
    const flip = a >= 0 && b >= 0 && rank[a] > rank[b];
    const e = flip ? { from: to, to: from, flip } : { from, to, flip };
    e.key = flip ? 'up ' + key + ' ' + a + ' ' + b : key;
    e.weight = weight;
    e.out = portOf(v[e.from], 'out', key);
    e.in = portOf(v[e.to], 'in', key);
    return e;
  });
  return { v, edges, stack: !!tree.stack };
}

function portOf(v, side, key) {
  const ports = v.item && v.item.ports;
  return ports && ports[side][key] !== undefined ? ports[side][key] : 0;
}

// An order of the items in which as many edges as possible point forwards: Kahn's, and where it is stuck the first left.
function acyclicRank(n, edges) {
  const waiting = new Array(n).fill(0), out = Array.from({ length: n }, () => []);
  for (const [a, b] of edges) if (a >= 0 && b >= 0 && a !== b) { waiting[b]++; out[a].push(b); }
  const rank = new Array(n).fill(-1), ready = [];
  for (let i = 0; i < n; i++) if (!waiting[i]) ready.push(i);
  let count = 0, first = 0;
  while (count < n) {
    if (!ready.length) { while (rank[first] >= 0) first++; ready.push(first); }
    const i = ready.shift();
    if (rank[i] >= 0) continue;
    rank[i] = count++;
    for (const j of out[i]) if (--waiting[j] === 0 && rank[j] < 0) ready.push(j);
  }
  return rank;
}

// ---- layers and lanes ------------------------------------------------------------------------------------------------

function setLayers(g) {
  const { v, edges } = g, out = v.map(() => []), into = v.map(() => []);
  for (const e of edges) { out[e.from].push(e); into[e.to].push(e); }
  const waiting = into.map((es) => es.length), order = [];
  v.forEach((_, i) => { if (!waiting[i]) order.push(i); });
  for (const i of order) for (const e of out[i]) if (--waiting[e.to] === 0) order.push(e.to);
  const depth = v.map(() => 0);
  for (const i of order) for (const e of out[i]) depth[e.to] = Math.max(depth[e.to], depth[i] + 1);
  const layer = depth.slice();
  for (const i of order.reverse()) {
    if (!out[i].length || v[i].port) continue;
    // A source that reads nothing itself follows its reader down, so it is not a reason to stay.
    const reads = into[i].filter((e) => depth[e.from] > 0 || v[e.from].port).length;
    if (out[i].length >= reads) layer[i] = Math.min(...out[i].map((e) => layer[e.to])) - 1;
  }
  wrapLayers(v, layer);
  const entries = v.some((x) => x.port === 'in');
  const inner = v.flatMap((x, i) => (x.port ? [] : [layer[i]]));
  const shift = (entries ? 1 : 0) - Math.min(...inner, Infinity);
  const last = Math.max(...inner, 0) + shift;
  v.forEach((x, i) => { x.layer = x.port === 'in' ? 0 : x.port === 'out' ? last + 1 : layer[i] + shift; x.depth = depth[i]; });
  g.rows = last + 1 + (v.some((x) => x.port === 'out') ? 1 : 0);
  g.hasEntries = entries;
}

// A row wider than a screen becomes two: every other box goes below its neighbours.
function wrapLayers(v, layer) {
  const rows = new Map();
  v.forEach((x, i) => { if (!x.port) rows.set(layer[i], [...(rows.get(layer[i]) || []), i]); });
  let count = 0;
  for (const at of [...rows.keys()].sort((a, b) => a - b)) {
    const row = rows.get(at), parts = row.reduce((sum, i) => sum + v[i].w + GAP.boxes, 0) > ROW ? 2 : 1;
    row.forEach((i, k) => { layer[i] = count + k % parts; });
    count += parts;
  }
}

function addLanes(g) {
  const { v, edges } = g, at = new Map();
  g.segments = new Map();
  for (const e of edges) {
    const pull = v[e.from].depth + 1 === v[e.to].depth ? 1.5 * e.weight : e.weight;
    e.via = [];
    let lower = e.to, lowerOff = e.in;
    for (let layer = v[e.to].layer - 1; layer >= v[e.from].layer; layer--) {
      const isSource = layer === v[e.from].layer, name = e.from + ' ' + e.key + ' ' + layer;
      let upper = isSource ? e.from : at.get(name);
      const known = upper !== undefined && !isSource;
      if (upper === undefined) {
        upper = v.length;
        v.push({ w: 0, h: 0, lane: true, layer });
        at.set(name, upper);
      }
      const upperOff = isSource ? e.out : 0;
      const lanes = !!v[upper].lane + !!v[lower].lane;
      const weight = lanes === 2 ? 16 : lanes ? pull / 2 : pull;
      const id = upper + ' ' + lower + ' ' + upperOff + ' ' + lowerOff;
      const old = g.segments.get(id), bend = upperOff - lowerOff;
      if (old) old.weight = Math.max(old.weight, weight);
      // Turns of a repetition are below each other, and their lines may bend: otherwise small shifts add up.
      else g.segments.set(id, g.stack ? { upper, lower, upperOff: 0, lowerOff: 0, bend, weight } : { upper, lower, upperOff, lowerOff, bend: 0, weight });
      if (!isSource) e.via.unshift(upper);
      lower = upper; lowerOff = 0;
      if (known) { // the rest of the way is there already
        for (let l = layer - 1; l > v[e.from].layer; l--) e.via.unshift(at.get(e.from + ' ' + e.key + ' ' + l));
        break;
      }
    }
  }
  g.segments = [...g.segments.values()];
  g.above = v.map(() => []); g.below = v.map(() => []);
  for (const s of g.segments) {
    s.upperShare = share(v[s.upper], s.upperOff); s.lowerShare = share(v[s.lower], s.lowerOff);
    g.above[s.lower].push(s); g.below[s.upper].push(s);
  }
}

const share = (v, offset) => (v.w ? 0.9 * offset / v.w : 0);

// ---- the order in each row -------------------------------------------------------------------------------------------

function orderRows(g) {
  let rows = firstOrder(g), best = rows, fewest = crossings(g, rows), idle = 0;
  for (let sweep = 0; sweep < 24 && fewest && idle <= 4; sweep++) {
    rows = swept(g, rows, sweep % 2 === 0);
    const count = crossings(g, rows);
    idle = count < fewest ? 0 : idle + 1;
    if (count < fewest) { best = rows; fewest = count; }
  }
  if (fewest) best = swap(g, best);
  place(g, best);
  let agree = 0;
  for (const up of g.above) for (let i = 1; i < up.length; i++) agree += Math.sign(g.v[up[i].upper].at - g.v[up[i - 1].upper].at);
  if (agree < 0) best = best.map((row) => row.slice().reverse());
  place(g, best);
  return best;
}

function place(g, rows) {
  for (const row of rows) row.forEach((u, i) => { g.v[u].at = i; });
}

function firstOrder(g) {
  const rows = Array.from({ length: g.rows }, () => []), seen = g.v.map(() => false), stack = [];
  for (let i = g.v.length - 1; i >= 0; i--) if (!g.below[i].length) stack.push(i);
  while (stack.length) {
    const i = stack.pop();
    if (seen[i]) continue;
    seen[i] = true;
    rows[g.v[i].layer].push(i);
    for (let k = g.above[i].length - 1; k >= 0; k--) stack.push(g.above[i][k].upper);
  }
  return rows;
}

function swept(g, rows, down) {
  const where = new Map(), fresh = rows.slice();
  for (let k = 0; k < rows.length; k++) {
    const r = down ? k : rows.length - 1 - k, row = rows[r], key = new Map();
    row.forEach((u, i) => {
      let sum = 0, n = 0;
      for (const s of down ? g.above[u] : g.below[u]) {
        const other = down ? s.upper : s.lower;
        if (where.has(other)) { sum += where.get(other)[0] + where.get(other)[1] * (down ? s.upperShare : s.lowerShare); n++; }
      }
      key.set(u, n ? sum / n : (i + 0.5) / row.length);
    });
    fresh[r] = row.slice().sort((a, b) => key.get(a) - key.get(b));
    fresh[r].forEach((u, i) => where.set(u, [(i + 0.5) / row.length, 1 / row.length]));
  }
  return fresh;
}

function swap(g, rows) {
  rows = rows.map((row) => row.slice());
  place(g, rows);
  const ends = (u, up) => (up ? g.above[u] : g.below[u])
    .map((s) => (up ? g.v[s.upper].at + s.upperShare : g.v[s.lower].at + s.lowerShare)).sort((a, b) => a - b);
  for (let round = 0; round < 8; round++) {
    let done = true;
    for (const row of rows) {
      for (let i = 0; i + 1 < row.length; i++) {
        const a = row[i], b = row[i + 1];
        let gain = 0;
        for (const up of [true, false]) {
          const left = ends(a, up), right = ends(b, up);
          gain += inversions(left, right) - inversions(right, left);
        }
        if (gain > 0) { row[i] = b; row[i + 1] = a; g.v[a].at = i + 1; g.v[b].at = i; done = false; }
      }
    }
    if (done) break;
  }
  return rows;
}

function inversions(left, right) {
  let total = 0, j = 0;
  for (const end of left) { while (j < right.length && right[j] < end) j++; total += j; }
  return total;
}

function crossings(g, rows) {
  place(g, rows);
  let total = 0;
  for (const row of rows) {
    const ends = [];
    for (const u of row) for (const s of g.below[u]) ends.push([g.v[u].at + s.upperShare, g.v[s.lower].at + s.lowerShare]);
    ends.sort((a, b) => a[0] - b[0] || a[1] - b[1]);
    const seen = [];
    for (const [, end] of ends) { // few enough in a row for a sorted list
      let lo = 0, hi = seen.length;
      while (lo < hi) { const mid = (lo + hi) >> 1; if (seen[mid] <= end) lo = mid + 1; else hi = mid; }
      total += seen.length - lo;
      seen.splice(lo, 0, end);
    }
  }
  return total;
}

// ---- columns and positions -------------------------------------------------------------------------------------------

function setColumns(g, rows) {
  const { v } = g, column = straighten(g, rows);
  const n = column.count, right = Array.from({ length: n }, () => new Map()), left = Array.from({ length: n }, () => new Map());
  for (const row of rows) {
    for (let i = 0; i + 1 < row.length; i++) {
      const a = v[row[i]], b = v[row[i + 1]];
      const gap = (a.w + b.w) / 2 + (a.w && b.w ? GAP.boxes : a.w || b.w ? GAP.beside : GAP.lanes) + a.shift - b.shift;
      const old = right[a.column].get(b.column);
      if (old === undefined || gap > old) { right[a.column].set(b.column, gap); left[b.column].set(a.column, gap); }
    }
  }
  const waiting = left.map((m) => m.size), order = [];
  waiting.forEach((w, c) => { if (!w) order.push(c); });
  for (const c of order) for (const b of right[c].keys()) if (--waiting[b] === 0) order.push(b);
  const x = new Array(n).fill(0);
  for (const c of order) for (const [b, gap] of right[c]) x[b] = Math.max(x[b], x[c] + gap);
  const pulls = Array.from({ length: n }, () => []);
  for (const s of g.segments) {
    const a = v[s.upper], b = v[s.lower];
    if (a.column === b.column) continue;
    const aside = a.shift + s.upperOff - b.shift - s.lowerOff;
    pulls[a.column].push([b.column, -aside, s.weight]);
    pulls[b.column].push([a.column, aside, s.weight]);
  }
  for (let turn = 0; turn < 10; turn++) {
    for (const c of turn % 2 ? order : order.slice().reverse()) {
      let sum = 0, weight = 0, least = -Infinity, most = Infinity;
      for (const [o, aside, w] of pulls[c]) { sum += (x[o] + aside) * w; weight += w; }
      for (const [a, gap] of left[c]) least = Math.max(least, x[a] + gap);
      for (const [b, gap] of right[c]) most = Math.min(most, x[b] - gap);
      x[c] = Math.min(Math.max(weight ? sum / weight : x[c], least), Math.max(most, least));
    }
  }
  for (const u of v) u.x = x[u.column] + u.shift;
}

// Segments become vertical, the heaviest first, unless they cross others: connected vertices are a column.
function straighten(g, rows) {
  const { v, segments } = g, aside = new Map();
  for (const lists of [g.above, g.below]) {
    for (const list of lists) {
      const sorted = list.slice().sort((a, b) => (lists === g.above ? v[a.upper].at - v[b.upper].at : v[a.lower].at - v[b.lower].at));
      sorted.forEach((s, rank) => aside.set(s, (aside.get(s) || 0) + Math.abs(2 * rank - sorted.length + 1)));
    }
  }
  const up = v.map(() => null), down = v.map(() => null), vertical = rows.map(() => []);
  for (const s of segments.slice().sort((a, b) => b.weight - a.weight || aside.get(a) - aside.get(b))) {
    if (down[s.upper] || up[s.lower]) continue;
    const chosen = vertical[v[s.upper].layer], a = v[s.upper].at, b = v[s.lower].at;
    let i = 0;
    while (i < chosen.length && chosen[i][0] < a) i++;
    if ((i === 0 || chosen[i - 1][1] < b) && (i === chosen.length || chosen[i][1] > b)) {
      chosen.splice(i, 0, [a, b]);
      down[s.upper] = s; up[s.lower] = s;
    }
  }
  let count = 0;
  for (const row of rows) {
    for (const start of row) {
      if (up[start]) continue;
      let u = start, shift = 0;
      for (;;) {
        v[u].column = count; v[u].shift = shift;
        const s = down[u];
        if (!s) break;
        shift += s.upperOff - s.lowerOff;
        u = s.lower;
      }
      count++;
    }
  }
  return { count };
}

// ---- rows and ways ---------------------------------------------------------------------------------------------------

function setRows(g, rows, isRoot) {
  const { v } = g, heights = rows.map((row) => Math.max(0, ...row.map((u) => v[u].h))), run = rows.map(() => 0);
  for (const s of g.segments) {
    const r = v[s.lower].layer;
    run[r] = Math.max(run[r], Math.abs(v[s.upper].x + s.upperOff - v[s.lower].x - s.lowerOff + s.bend));
  }
  g.top = []; g.foot = [];
  let y = 0;
  rows.forEach((row, r) => {
    const ports = row.length && (v[row[0]].port || (r && rows[r - 1].some((u) => v[u].port === 'in')));
    const gap = Math.min((ports ? GAP.port : GAP.row) + GAP.slope * run[r], GAP.rowMost);
    if (r) y += ports && run[r] < 1 ? GAP.port / 2 : gap;
    g.top.push(y);
    y += heights[r];
    g.foot.push(y);
  });
  g.bottom = y;
  v.forEach((u, i) => {
    const spare = heights[u.layer] - u.h;
    // Next to a tall frame, what is read below is low, and what reads from above is high.
    const low = u.item && !g.above[i].length ? 1 : u.item && !g.below[i].length ? 0 : 0.5;
    u.y = g.top[u.layer] + (heights[u.layer] > 90 ? spare * low : spare / 2);
  });
  setArrivals(g);
}

function setArrivals(g) {
  const into = new Map();
  for (const e of g.edges) { if (!into.has(e.to)) into.set(e.to, []); into.get(e.to).push(e); }
  for (const [to, edges] of into) {
    const box = g.v[to];
    const came = (e) => (e.via.length ? g.v[e.via[e.via.length - 1]].x : g.v[e.from].x + e.out);
    if (box.port || (box.item && box.item.ports)) { for (const e of edges) e.arrival = box.x + e.in; continue; }
    const sorted = edges.slice().sort((a, b) => came(a) - came(b)), half = box.w / 2, corner = Math.min(12, half);
    const first = box.x - half + corner, last = box.x + half - corner;
    const gap = Math.min(14, (last - first) / Math.max(sorted.length - 1, 1));
    const fitted = isotonic(sorted.map((e) => Math.min(Math.max(came(e), first), last)), sorted.map((e) => e.weight), gap);
    sorted.forEach((e, i) => { e.arrival = Math.min(Math.max(fitted[i], first + i * gap), last - (sorted.length - 1 - i) * gap); });
  }
}

// Positions at least `gap` apart, as near to the wanted ones as possible: weighted least squares by pooling violators.
function isotonic(wanted, weights, gap) {
  const blocks = [];
  wanted.forEach((want, i) => {
    let mean = want - i * gap, weight = weights[i], count = 1;
    while (blocks.length && blocks[blocks.length - 1][0] >= mean) {
      const [m, w, c] = blocks.pop();
      mean = (mean * weight + m * w) / (weight + w); weight += w; count += c;
    }
    blocks.push([mean, weight, count]);
  });
  return blocks.flatMap(([mean, , count]) => new Array(count).fill(mean)).map((mean, i) => mean + i * gap);
}

function route(g, e, frame, dx, dy) {
  const from = g.v[e.from], to = g.v[e.to], points = [];
  const add = (x, y) => points.push([x + dx, y + dy]);
  if (from.port) points.push([from.x + dx, 0]);
  else { add(from.x + e.out, from.y + from.h); add(from.x + e.out, g.foot[from.layer]); }
  for (const i of e.via) { add(g.v[i].x, g.top[g.v[i].layer]); add(g.v[i].x, g.foot[g.v[i].layer]); }
  if (to.port) points.push([to.x + dx, g.top[to.layer] + dy], [to.x + dx, frame.h]);
  else { add(e.arrival, g.top[to.layer]); add(e.arrival, to.y); }
  const kept = points.filter((p, i) => !i || p[0] !== points[i - 1][0] || p[1] !== points[i - 1][1]);
  return e.flip ? kept.reverse() : kept;
}

// In a worker: lay out what arrives, and send it back.
if (typeof importScripts === 'function') {
  self.onmessage = (event) => {
    const work = layoutTree(event.data.tree);
    let step = work.next();
    while (!step.done) step = work.next();
    self.postMessage({ job: event.data.job, tree: step.value });
  };
}

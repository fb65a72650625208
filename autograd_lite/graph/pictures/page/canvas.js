// ---- the canvas: drawing the picture, moving over it -----------------------------------------------------------------

const $ = (id) => document.getElementById(id);
const svg = $('picture'), canvas = $('canvas'), calm = matchMedia('(prefers-reduced-motion: reduce)');
const view = { x: 0, y: 0, k: 1, w: 0, h: 0, left: 0, top: 0 };
const BETWEEN = 84, MANY = 400; // between the two sides of the mirror; more boxes are slow to paint
const hasRoomForMap = (w, h) => w >= 640 && h >= 260;
const hitLayer = el('g', { 'aria-hidden': 'true' });
let picture = null, boxes = new Map(), drawn = new Map(), world = null, job = 0, worker = null, pending = null;

// The visible boxes, with their contents, and the tree to lay out.
function prepare() {
  const next = makePicture();
  const all = [...next.items.values()].flatMap((item) => (item.twin ? [item, item.twin] : [item]));
  setScale(all);
  for (const box of all) box.made = content(box);
  const root = makeTree(next, (item) => {
    const a = item.made.size, b = item.twin ? item.twin.made.size : [0, 0];
    return [Math.max(a[0], b[0]) + (item.group ? 8 : 0), Math.max(a[1], b[1]) + (item.group ? 8 : 0)];
  });
  return [next, root];
}

function layOut(root) {
  const work = layoutTree(root);
  let step = work.next();
  while (!step.done) step = work.next();
  return step.value;
}

// The picture that was laid out last, and of what: to see whether it fits is half of the work of drawing it.
let arranged = null;
const setting = () => [state.mode, state.overlay, ...state.open].join();

function arrange() {
  const [next, root] = prepare();
  settle(next, layOut(root));
  arranged = [setting(), next];
  return next;
}

function sizeOf(laid) {
  const twins = [...laid.items.values()].some((item) => item.twin);
  return [twins ? 2 * laid.w + BETWEEN : laid.w, laid.h];
}

// Lay out the visible boxes, and draw them: small pictures at once, large ones in a worker that can be stopped.
function refresh(after) {
  const show = (next) => { paint(next); if (after) after(); }, last = arranged;
  job++;
  pending = null;
  $('busy').hidden = true;
  arranged = null; // painting changes the boxes
  if (last && last[0] === setting()) { show(last[1]); return; }
  const [next, root] = prepare();
  const ready = (tree) => { settle(next, tree); show(next); };
  if (next.items.size <= MANY) ready(layOut(root));
  else layOutAside(root, ready);
}

function layOutAside(root, ready) {
  const mine = job;
  pending = ready;
  $('busy').hidden = false;
  try {
    if (!worker) {
      worker = new Worker(URL.createObjectURL(new Blob([$('layout').textContent], { type: 'text/javascript' })));
      worker.onmessage = (event) => finish(event.data.job, event.data.tree);
      worker.onerror = (event) => { event.preventDefault(); worker = null; layOutInPieces(root, mine); };
    }
    worker.postMessage({ job: mine, tree: root });
  } catch (error) { layOutInPieces(root, mine); }
}

function layOutInPieces(root, mine) {
  const work = layoutTree(root);
  const piece = () => {
    if (mine !== job) return;
    const end = performance.now() + 12;
    let step;
    do step = work.next(); while (!step.done && performance.now() < end);
    if (step.done) finish(mine, step.value); else setTimeout(piece);
  };
  piece();
}

function finish(done, tree) {
  if (done !== job || !pending) return;
  const ready = pending;
  pending = null;
  $('busy').hidden = true;
  ready(tree);
}

function cancel() {
  if (!pending) return false;
  job++;
  pending = null;
  if (worker) { worker.terminate(); worker = null; }
  $('busy').hidden = true;
  return true;
}

function paint(next) {
  picture = next;
  boxes = new Map(); drawn = new Map();
  const aside = picture.w + BETWEEN;
  const layers = { frames: el('g'), titles: el('g', { 'aria-hidden': 'true' }), saved: el('g', { class: 'saves' }), lines: el('g'), boxes: el('g') };
  const twinFrames = new Set();
  for (const item of picture.items.values()) {
    boxes.set(item.id, item);
    if (!item.twin) continue;
    Object.assign(item.twin, { x: item.x + aside, y: item.y, w: item.w, h: item.h });
    boxes.set(item.twin.id, item.twin);
    for (const g of pathOfGroup[item.parent]) twinFrames.add(g);
  }
  for (const frame of [...picture.frames.values()].sort((a, b) => pathOfGroup[a.group].length - pathOfGroup[b.group].length)) {
    if (!frame.group) continue;
    for (const x of picture.mirror && twinFrames.has(frame.group) ? [0, aside] : [0]) {
      const [g, title] = drawFrame(frame, x);
      layers.frames.append(g);
      layers.titles.append(title);
    }
  }
  // Quiet lines first, so that data crosses over them.
  for (const l of picture.edges.slice().sort((a, b) => b.quiet - a.quiet)) layers.lines.append(drawLine(l));
  if (picture.mirror) {
    for (const l of picture.edges) if (l.gradient) layers.lines.append(drawGradient(l, aside));
    layers.saved.append(...drawSavedLines());
  }
  layers.lines.append(...argumentNumbers());
  for (const box of boxes.values()) {
    // A folded group shows more sheets behind it, to the right and below.
    if (box.group) { box.w -= 8; box.h -= 8; }
    const g = drawBox(box, box.made);
    drawn.set(box.id, g);
    layers.boxes.append(g);
  }
  [view.w, view.h] = sizeOf(picture);
  world = el('g', { id: 'world' }, layers.frames, layers.saved, layers.lines, layers.titles, layers.boxes, hitLayer);
  svg.replaceChildren(el('title', {}, data.title), world);
  thumbnail.stale = true;
  settleView();
  mark();
  showCaption();
}

function drawLine(l) {
  const g = el('g', { class: 'line ' + (l.kind || 'data') + (l.quiet ? ' quiet' : ''), 'data-from': l.s, 'data-to': l.t });
  const bytes = l.through.reduce((sum, i) => sum + (nodes[i].bytes || 0), 0);
  const way = el('path', { class: 'way', d: wayOf(l.points, TIP - 1) });
  if (OVERLAYS[state.overlay] && !l.quiet) way.style.strokeWidth = r1(1 + Math.log10(1 + bytes / 64) * 0.7);
  g.append(way, el('path', { class: 'tip', d: tipAt(l.points) }));
  return g;
}

// The positions of an op's arguments, if they do not arrive from left to right.
function argumentNumbers() {
  const texts = [];
  for (const item of picture.items.values()) {
    const n = nodes[item.node];
    if (!n || n.kind !== 'op' || item.into.length < 2 || data.commutative.includes(n.op)) continue;
    const ends = item.into.map((l) => [l.points[l.points.length - 1], n.inputs.indexOf(l.through[0]) + 1]).sort((a, b) => a[0][0] - b[0][0]);
    if (ends.every((e, i) => !i || ends[i - 1][1] <= e[1])) continue;
    for (const [[x, y], place] of ends) texts.push(el('text', { class: 'place', x: r1(x + 5), y: r1(y - 7), 'font-size': 9 }, place));
  }
  // Which results of a call flow along a line.
  for (const l of picture.edges) {
    const which = picture.items.get(l.s).group ? [] : l.through.filter((i) => partOf(i) !== i && i !== picture.items.get(l.s).node).map((i) => whichOf(i).trim());
    const [x, y] = l.points[l.points.length - 1];
    if (which.length) texts.push(el('text', { class: 'place', x: r1(x - 5), y: r1(y - 7), 'font-size': 9, 'text-anchor': 'end' }, which.join(', ')));
  }
  return texts;
}

function drawGradient(l, aside) {
  const points = l.points.map(([x, y]) => [x + aside, y]).reverse();
  return el('g', { class: 'line gradient', 'data-from': l.t + "'", 'data-to': l.s + "'" },
    el('path', { class: 'way', d: wayOf(points, TIP - 1) }), el('path', { class: 'tip', d: tipAt(points) }));
}

function drawSaved(l, share, written, ways) {
  const a = boxes.get(l.s), b = boxes.get(l.t), y1 = b.y + b.h * share;
  const left = picture.w + 4, right = picture.w + BETWEEN - 4, m = (left + right) / 2;
  if (!ways.known.has(l.s)) ways.known.set(l.s, ways.around(a, a.x + a.w, a.y + a.h / 2, left));
  const out = ways.known.get(l.s), home = ways.around(b, b.x, y1, right).reverse(), from = out[out.length - 1][1], to = home[0][1];
  const g = el('g', { class: 'line saved', 'data-from': l.s, 'data-to': l.t });
  g.append(el('path', { class: 'way', d: bent(out) + `C${r1(m)} ${r1(from)} ${r1(m)} ${r1(to)} ${r1(right)} ${r1(to)}` + bent(home, 'L') }));
  // Where two would overlap, one is enough.
  const slot = Math.round(to / 10);
  if (l.bytes && ![slot - 1, slot, slot + 1].some((other) => written.has(other)) && written.add(slot)) g.append(el('text', { class: 'bytes', x: r1(right), y: r1(to - 3), 'font-size': 9 }, amount(l.bytes, 'B')));
  return g;
}

// Ways from the side of a box to the aisle between the halves, around the other boxes in their row: above or below them,
// each way in a track of its own.
function waysAround() {
  const HIGH = 64, rows = new Map(), tracks = [];
  for (const b of boxes.values()) {
    for (let r = Math.floor((b.y - 4) / HIGH); r <= Math.floor((b.y + b.h + 4) / HIGH); r++) rows.set(r, [...(rows.get(r) || []), b]);
  }
  const free = (own, x0, x1, y0, y1) => {
    for (let r = Math.floor(y0 / HIGH); r <= Math.floor(y1 / HIGH); r++) {
      for (const b of rows.get(r) || []) if (b !== own && b.x < x1 && b.x + b.w > x0 && b.y < y1 && b.y + b.h > y0) return false;
    }
    return true;
  };
  const around = (own, x, y, aisle) => {
    const way = Math.sign(aisle - x), stub = x + way * (own.group ? 15 : 8), x0 = Math.min(x, aisle), x1 = Math.max(x, aisle);
    if (free(own, x0, x1, y - 2, y + 2)) return [[x, y], [aisle, y]];
    for (let d = own.h / 2 + 3; d < own.h / 2 + 90; d += 3) {
      for (const at of [y + d, y - d]) {
        const apart = tracks.every((t) => Math.abs(t.y - at) > 4 || t.x0 > x1 || t.x1 < x0);
        if (!apart || !free(null, x0, x1, at - 3, at + 3) || !free(own, stub - 2, stub + 2, Math.min(y, at), Math.max(y, at))) continue;
        tracks.push({ y: at, x0, x1 });
        return [[x, y], [stub, y], [stub, at], [aisle, at]];
      }
    }
    return [[x, y], [aisle, y]];
  };
  return { around, known: new Map() };
}

// Straight pieces with round corners.
function bent(points, begin = 'M') {
  let d = `${begin}${r1(points[0][0])} ${r1(points[0][1])}`;
  for (let i = 1; i + 1 < points.length; i++) {
    const [a, b, c] = [points[i - 1], points[i], points[i + 1]], r = Math.min(6, Math.hypot(b[0] - a[0], b[1] - a[1]) / 2, Math.hypot(c[0] - b[0], c[1] - b[1]) / 2);
    const toward = (p) => [b[0] + Math.sign(p[0] - b[0]) * r, b[1] + Math.sign(p[1] - b[1]) * r].map(r1).join(' ');
    d += `L${toward(a)}Q${r1(b[0])} ${r1(b[1])} ${toward(c)}`;
  }
  const end = points[points.length - 1];
  return d + `L${r1(end[0])} ${r1(end[1])}`;
}

// Everything that a box reads arrives one below the other, in the order of arrival.
function drawSavedLines() {
  const into = new Map(), written = new Set(), ways = waysAround();
  for (const l of picture.saved) { if (!into.has(l.t)) into.set(l.t, []); into.get(l.t).push(l); }
  return [...into.values()].flatMap((list) => list.sort((a, b) => boxes.get(a.s).y - boxes.get(b.s).y)
    .map((l, i) => drawSaved(l, list.length === 1 ? 0.5 : 0.22 + 0.56 * i / (list.length - 1), written, ways)));
}

// ---- zoom and pan ----------------------------------------------------------------------------------------------------

let moving = 0, settling = 0, resting = 0, still = { x: 0, y: 0, k: 1 };

// A large picture is moved as it was painted, and painted anew where it comes to rest.
function transform() {
  cancelAnimationFrame(settling);
  clearTimeout(resting);
  if (drawn.size <= MANY) settleView();
  else {
    const s = view.k / still.k;
    svg.style.transform = `translate(${r1(view.x - still.x * s)}px, ${r1(view.y - still.y * s)}px) scale(${s.toFixed(4)})`;
    // At rest: two frames have been shown, and nothing has happened for a while.
    settling = requestAnimationFrame(() => { settling = requestAnimationFrame(() => { resting = setTimeout(settleView, 140); }); });
    drawMinimap();
  }
}

function settleView() {
  cancelAnimationFrame(settling);
  clearTimeout(resting);
  still = { x: view.x, y: view.y, k: view.k };
  svg.style.transform = '';
  if (onPaper) return;
  svg.classList.toggle('large', drawn.size > MANY);
  if (world) world.setAttribute('transform', `translate(${r1(view.x)} ${r1(view.y)}) scale(${view.k.toFixed(4)})`);
  svg.classList.toggle('far', view.k < 0.45);
  svg.classList.toggle('tiny', view.k < 0.18);
  drawMinimap();
}

// On paper all of the picture is seen, whatever the size of the sheet.
let onPaper = false;

function setOnPaper(begins) {
  onPaper = begins && !!world;
  settleView();
  if (!onPaper) { svg.removeAttribute('viewBox'); return; }
  svg.setAttribute('viewBox', `-4 -12 ${Math.ceil(view.w + 12)} ${Math.ceil(view.h + 20)}`);
  svg.setAttribute('preserveAspectRatio', 'xMidYMin meet');
  svg.classList.remove('far', 'tiny');
  world.removeAttribute('transform');
}

// Move to a place, smoothly unless the reader wants no motion.
function moveTo(x, y, k) {
  cancelAnimationFrame(moving);
  const from = { x: view.x, y: view.y, k: view.k };
  if (calm.matches || document.hidden || !world) { Object.assign(view, { x, y, k }); transform(); return; }
  const begin = performance.now();
  const frame = (now) => {
    const t = Math.min(1, (now - begin) / 180), e = 1 - (1 - t) ** 3;
    Object.assign(view, { x: from.x + (x - from.x) * e, y: from.y + (y - from.y) * e, k: from.k + (k - from.k) * e });
    transform();
    if (t < 1) moving = requestAnimationFrame(frame);
  };
  moving = requestAnimationFrame(frame);
}

// What lies over the canvas: the caption at the top; the zoom buttons and, where there is room, the minimap in the corner.
const EDGE = 26, captionHeight = () => Math.max(34, $('caption').offsetHeight + 4);
const corner = (w, h) => (hasRoomForMap(w, h) ? [206, 182] : [132, 52]);

// The scale at which the whole picture fits, and at which its width does.
function scalesThatFit() {
  const wide = (canvas.clientWidth - 2 * EDGE) / (view.w || 1), high = (canvas.clientHeight - captionHeight() - 44) / (view.h || 1);
  return [Math.min(wide, high, 1.25), wide];
}

function lookAt(k, smooth) {
  const w = canvas.clientWidth, top = captionHeight(), spare = canvas.clientHeight - top - 44 - view.h * k;
  const x = (w - view.w * k) / 2, y = top + Math.max(0, spare / 2);
  if (smooth) moveTo(x, y, k); else { cancelAnimationFrame(moving); Object.assign(view, { x, y, k }); transform(); }
}

// The whole picture, however small.
function fit(smooth) { lookAt(scalesThatFit()[0], smooth); }

// The whole picture if it can be read then, and otherwise its top.
function fitReadably() {
  const [whole, wide] = scalesThatFit();
  lookAt(Math.max(whole, Math.min(0.8, wide)));
}

// After a change of what is shown: the chosen box, or else a hit of the search, or else the picture from its top.
function lookAtChosen() {
  const hit = [found[foundAt], ...found].map((i) => (i === undefined ? '' : boxOf(i))).find((id) => boxes.has(id));
  const id = boxes.has(state.selected) || frameBox(state.selected) ? state.selected : hit;
  if (id) keepInSight(id, true); else fitReadably();
}

function zoomBy(factor, cx, cy, smooth) {
  const k = Math.min(4, Math.max(Math.min(0.02, view.k), view.k * factor)), x = cx ?? canvas.clientWidth / 2, y = cy ?? canvas.clientHeight / 2;
  const at = [x - (x - view.x) * k / view.k, y - (y - view.y) * k / view.k];
  if (smooth) moveTo(at[0], at[1], k); else { Object.assign(view, { x: at[0], y: at[1], k }); transform(); }
}

// Bring boxes into view: into the middle, or only as far as necessary.
function keepInSight(id, center) {
  const b = boxes.get(id) || frameBox(id);
  if (b) keepAllInSight([b], center);
}

function keepAllInSight(list, center) {
  const w = canvas.clientWidth, h = canvas.clientHeight, edge = 28, top = captionHeight() + 6;
  const x0 = Math.min(...list.map((b) => b.x)), x1 = Math.max(...list.map((b) => b.x + b.w));
  const y0 = Math.min(...list.map((b) => b.y)), y1 = Math.max(...list.map((b) => b.y + b.h));
  const room = Math.min((w - 2 * edge) / (x1 - x0), (h - top - edge) / (y1 - y0));
  const k = Math.max(0.25, Math.min(Math.max(view.k, 0.5), room));
  let x = w / 2 - (x0 + x1) / 2 * k, y = (h + top) / 2 - (y0 + y1) / 2 * k;
  if (!center) {
    // Zoom around the visible middle of the picture, then move as little as necessary.
    x = w / 2 - (w / 2 - view.x) * k / view.k;
    y = h / 2 - (h / 2 - view.y) * k / view.k;
    x += Math.max(0, edge - (x + x0 * k)) - Math.max(0, x + x1 * k - (w - edge));
    y += Math.max(0, top - (y + y0 * k)) - Math.max(0, y + y1 * k - (h - edge));
  }
  // Out of the corner, up or to the left, whichever is nearer and leaves all of it in sight.
  const [wide, high] = corner(w, h), over = [x + x1 * k - (w - wide), y + y1 * k - (h - high)];
  const left = x + x0 * k - over[0] >= edge, up = y + y0 * k - over[1] >= top;
  if (over[0] > 0 && over[1] > 0 && (left || up)) {
    if (up && (over[1] <= over[0] || !left)) y -= over[1]; else x -= over[0];
  }
  if (Math.abs(x - view.x) > 0.5 || Math.abs(y - view.y) > 0.5) moveTo(x, y, k);
}

function frameBox(id) {
  const g = svg.querySelector('.frame[data-id="' + id + '"] .border');
  return g && { x: +g.getAttribute('x'), y: +g.getAttribute('y'), w: +g.getAttribute('width'), h: +g.getAttribute('height') };
}

// Run a change that lays out the picture again, and keep one box where the reader is looking.
function keepInPlace(id, change, after) {
  const before = boxes.get(id) || frameBox(id), at = before && [view.x + before.x * view.k, view.y + before.y * view.k];
  change();
  refresh(() => {
    const now = boxes.get(id) || frameBox(id) || frameBox('m' + id.slice(1));
    if (at && now) { view.x = at[0] - now.x * view.k; view.y = at[1] - now.y * view.k; transform(); }
    else fitReadably();
    if (after) after();
  });
}

// ---- pointers --------------------------------------------------------------------------------------------------------

const touches = new Map();
let drag = null;

// Where an event is, in the canvas: the picture itself may be moved.
function at(e) {
  const r = canvas.getBoundingClientRect();
  return [e.clientX - r.left, e.clientY - r.top];
}

function startPointers() {
  svg.addEventListener('pointerdown', (e) => {
    if (e.button) return;
    touches.set(e.pointerId, at(e));
    drag = { x: e.clientX, y: e.clientY, moved: false };
  });
  window.addEventListener('pointermove', (e) => {
    if (!touches.has(e.pointerId)) return;
    const now = at(e), last = touches.get(e.pointerId);
    if (touches.size === 2) {
      const [other] = [...touches].filter(([id]) => id !== e.pointerId).map(([, p]) => p);
      const was = Math.hypot(last[0] - other[0], last[1] - other[1]), is = Math.hypot(now[0] - other[0], now[1] - other[1]);
      if (was > 0) zoomBy(is / was, (now[0] + other[0]) / 2, (now[1] + other[1]) / 2);
      drag = { ...drag, moved: true };
    } else if (drag && (drag.moved || Math.hypot(e.clientX - drag.x, e.clientY - drag.y) > 4)) {
      if (!drag.moved) { drag.moved = true; try { svg.setPointerCapture(e.pointerId); } catch (error) { /* it is gone already */ } }
      cancelAnimationFrame(moving);
      view.x += now[0] - last[0]; view.y += now[1] - last[1];
      transform();
    }
    touches.set(e.pointerId, now);
  });
  const up = (e) => { touches.delete(e.pointerId); };
  window.addEventListener('pointerup', up);
  window.addEventListener('pointercancel', up);
  svg.addEventListener('wheel', (e) => {
    // In a notebook the page scrolls until the picture has been clicked.
    if (window !== window.top && !e.ctrlKey && !e.metaKey && !document.hasFocus()) return;
    e.preventDefault();
    if (e.shiftKey) { view.x -= e.deltaY || e.deltaX; transform(); return; }
    zoomBy(Math.exp(-e.deltaY * (e.ctrlKey ? 0.01 : e.deltaMode ? 0.05 : 0.0016)), ...at(e));
  }, { passive: false });
}

// ---- the minimap -----------------------------------------------------------------------------------------------------

const minimap = $('minimap'), thumbnail = html('canvas', { width: 180, height: 120 });
let accent = '', mapDue = 0;

// The boxes in their colors; painted once for each picture and theme.
function drawThumbnail() {
  thumbnail.stale = false;
  const ctx = thumbnail.getContext('2d'), style = getComputedStyle(document.documentElement), k = Math.min(172 / view.w, 112 / view.h), colors = new Map();
  const color = (look) => { if (!colors.has(look)) colors.set(look, style.getPropertyValue('--' + look + '-line') || style.getPropertyValue('--edge')); return colors.get(look); };
  const dx = (180 - view.w * k) / 2, dy = (120 - view.h * k) / 2;
  minimap.scale = [k, dx, dy];
  accent = style.getPropertyValue('--accent');
  ctx.clearRect(0, 0, 180, 120);
  for (const b of boxes.values()) {
    ctx.fillStyle = color(b.made.look);
    ctx.fillRect(dx + b.x * k, dy + b.y * k, Math.max(1.5, b.w * k), Math.max(1.5, b.h * k));
  }
}

// The map is drawn once the picture has been: it is not what the reader is waiting for.
function drawMinimap() {
  if (!mapDue) mapDue = requestAnimationFrame(() => setTimeout(() => { mapDue = 0; paintMinimap(); }));
}

function paintMinimap() {
  const w = canvas.clientWidth, h = canvas.clientHeight;
  const whole = view.x >= 0 && view.y >= 0 && view.x + view.w * view.k <= w && view.y + view.h * view.k <= h;
  minimap.hidden = !picture || whole || !hasRoomForMap(w, h);
  if (minimap.hidden) return;
  if (thumbnail.stale) drawThumbnail();
  const ctx = minimap.getContext('2d'), [k, dx, dy] = minimap.scale;
  ctx.clearRect(0, 0, 180, 120);
  ctx.drawImage(thumbnail, 0, 0);
  ctx.strokeStyle = accent;
  ctx.lineWidth = 1.5;
  ctx.strokeRect(dx - view.x / view.k * k, dy - view.y / view.k * k, w / view.k * k, h / view.k * k);
}

function startMinimap() {
  const go = (e) => {
    if (!e.buttons) return;
    const [k, dx, dy] = minimap.scale;
    view.x = canvas.clientWidth / 2 - (e.offsetX - dx) / k * view.k;
    view.y = canvas.clientHeight / 2 - (e.offsetY - dy) / k * view.k;
    transform();
  };
  minimap.addEventListener('pointerdown', go);
  minimap.addEventListener('pointermove', go);
}

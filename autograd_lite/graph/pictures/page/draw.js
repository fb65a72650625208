// ---- text and numbers ------------------------------------------------------------------------------------------------

const FONT = "Helvetica, Arial, 'Liberation Sans', 'DejaVu Sans', sans-serif";
const pen = document.createElement('canvas').getContext('2d'), widths = new Map();

function widthOf(text, size, bold) {
  const key = (bold ? 'b' : 'r') + size + text;
  if (!widths.has(key)) { pen.font = (bold ? 'bold ' : '') + size + 'px ' + FONT; widths.set(key, pen.measureText(text).width); }
  return widths.get(key);
}

const clip = (text, n) => ([...text].length <= n ? text : [...text].slice(0, n - 1).join('') + '…');
const tail = (text, n) => ([...text].length <= n ? text : text.slice(-n).includes('.') ? '…' + [...text].slice(1 - n).join('') : clip(text, n));
// Digits in threes; the browser's own formatter takes 30 ms to start.
const grouped = (n) => String(n).replace(/\B(?=(\d{3})+$)/g, ',');
const counted = (n, word) => grouped(n) + ' ' + word + (n === 1 ? '' : 's');

// A number with its unit and a prefix: 1.23 MFLOP, 420 µs.
function amount(value, unit) {
  const sizes = unit === 's' ? [[1, ''], [1e-3, 'm'], [1e-6, 'µ'], [1e-9, 'n']] : [[1e12, 'T'], [1e9, 'G'], [1e6, 'M'], [1e3, 'k']];
  for (const [size, prefix] of sizes) {
    if (Math.abs(value) >= size * 0.9995) return +(value / size).toPrecision(3) + ' ' + prefix + unit;
  }
  return ((Number.isFinite(value) ? +value.toPrecision(3) : value) + ' ' + unit).trim();
}

const number = (v) => (typeof v === 'number' ? (Number.isInteger(v) && Math.abs(v) < 1e15 ? grouped(v) : String(+v.toPrecision(6))) : String(v));
// What a box says below its name: the value of a measured scalar, with its gradient where that has no box of its own; else
// its type.
const kindOf = (n, alone) => (n.numbers && n.kind !== 'constant' ? 'value ' + n.numbers[0] + (alone && n.numbers[1] ? ' · grad ' + n.numbers[1] : '') : typeOf(n));
const typeOf = (n) => (n.results ? n.results.map((r) => r[1]).join(', ') : n.dtype === 'generator' ? 'generator' : n.weak ? n.dtype.replace(/\d+$/, '') : (n.shape || '()') + ' ' + n.dtype);

const SVG = 'http://www.w3.org/2000/svg';
function el(tag, attrs, ...children) {
  const e = document.createElementNS(SVG, tag);
  for (const k in attrs) if (attrs[k] !== undefined) e.setAttribute(k, attrs[k]);
  e.append(...children);
  return e;
}

function html(tag, attrs, ...children) {
  const e = document.createElement(tag);
  for (const k in attrs) {
    if (k.startsWith('on')) e.addEventListener(k.slice(2), attrs[k]);
    else if (attrs[k] !== undefined && attrs[k] !== false) e.setAttribute(k, attrs[k] === true ? '' : attrs[k]);
  }
  e.append(...children.filter((c) => c !== null && c !== undefined));
  return e;
}

// ---- the text of a box ------------------------------------------------------------------------------------------------

const computes = (i) => nodes[i].kind === 'op' && !nodes[i].result;
const WORST = ['origin', 'nan', 'exploding', 'vanishing', 'dead', 'unreached', 'removed', 'added', 'changed'];
const PARTIAL = WORST.slice(-3); // the looks of differences between two graphs
const line = (text, size, cls, sign) => ({ text, size: size || 11, cls: cls || 'soft', sign: sign || '' });
const widthOfLine = (l) => widthOf(l.text, l.size, l.cls === 'head') + (l.sign ? widthOf(l.sign + ' ', l.size) : 0);

function content(box) {
  const made = box.mirror ? mirrorContent(box) : box.group ? groupContent(box) : nodeContent(nodes[box.node]);
  const worst = box.group ? worstOfGroup(box) : worstOf(marksOf(box)), shown = shownAmount(box);
  if (worst) {
    if (worst.look) made.look = worst.look;
    // A share of the total is part of the line with the amount.
    if (worst.badge && !(shown && worst.badge.endsWith('%'))) made.badge = made.badge ? made.badge + ' · ' + worst.badge : worst.badge;
    if (worst.note && (!box.group || worst.partial)) made.lines.push(line(clip(worst.note, 36), 11, 'strong'));
  }
  if (shown) { made.lines.push(line(shown.text, 11, 'strong')); made.weight = shown.weight; made.amount = shown.value; }
  else if (worst && worst.weight !== undefined) made.weight = worst.weight;
  const look = data.looks[made.look] || ['rounded', 'solid', '', ''];
  made.shape = box.group ? 'stacked' : look[0];
  made.border = made.output ? 'double' : look[1];
  if (look[2] && !made.badge) made.badge = look[2];
  made.size = sizeOfBox(made);
  return made;
}

function sizeOfBox(made) {
  const w = Math.max(...made.lines.map(widthOfLine)), h = made.lines.reduce((sum, l) => sum + l.size * 1.3, 0);
  const lid = made.shape === 'cylinder' ? 10 : 0, double = made.border === 'double' ? 5 : 0, eight = made.shape === 'octagon' ? 14 : 0;
  if (made.shape === 'ellipse') return [Math.round(1.3 * w + 14), Math.round(1.57 * h + 4)];
  return [Math.round(w + 24 + double + eight), Math.round(h + 14 + lid + double)];
}

// A name without that of the module whose frame it is in.
function nameOf(n) {
  const name = n.name || (n.kind === 'op' ? '' : n.kind === 'parameter' ? 'n' + n.id : ''), module = moduleName(n.group) + '.';
  return tail(name.startsWith(module) && name.length > module.length ? name.slice(module.length) : name, 36);
}

const MOST_RESULTS = 6;

function nodeContent(n) {
  const output = [n.id, ...partsOf[n.id]].some((i) => isOutput.has(i));
  let look = n.kind;
  if (n.kind === 'op') look = n.role && data.looks.backward ? 'backward' : output ? 'output' : 'op';
  const made = { look, lines: [], badge: '', output: output && n.kind === 'op' };
  if (n.kind === 'constant') { made.lines.push(n.value ? line(clip(n.value, 24), 12, 'plain') : line(typeOf(n))); return made; }
  const name = gradientOf.has(n.id) ? nameOf(nodes[gradientOf.get(n.id)]) + '.grad' : nameOf(n);
  if (n.kind !== 'op') made.lines.push(name ? line(name, 14, 'head') : line(n.role === 'seed' ? 'start' : n.kind, 14, 'head none'));
  else {
    const op = clip(n.op, 36);
    made.lines.push(line(name ? name + ' = ' + op : op, 14, 'head', (n.glyph || '').length === 1 && !name ? n.glyph : ''));
    const told = n.told || '';
    if (told) made.lines.push(line(clip(told, 30)));
  }
  for (const [k, [which, type]] of (n.results || []).slice(0, MOST_RESULTS).entries()) {
    const part = partsOf[n.id].map((i) => nodes[i]).find((p) => p.result === k + 1);
    made.lines.push(line((part && part.name ? part.name + ' = ' : '') + which + ' ' + (part ? kindOf(part, state.mode === 'forward') : type)));
  }
  if (n.results && n.results.length > MOST_RESULTS) made.lines.push(line('and ' + (n.results.length - MOST_RESULTS) + ' more'));
  if (!n.results) made.lines.push(line(kindOf(n, state.mode === 'forward')));
  if (state.mode === 'backward' && !n.role && n.bytes) made.lines.push(line('saved, ' + amount(n.bytes, 'B')));
  return made;
}

function groupContent(box) {
  const g = groups[box.group], ops = box.members.filter(computes);
  const values = box.members.reduce((sum, i) => sum + (nodes[i].kind === 'parameter' ? nodes[i].size || 0 : 0), 0);
  const made = { look: data.looks.group ? 'group' : 'op', lines: [line(clip(g.name, 36), 14, 'head')], badge: g.times ? '×' + g.times.toLocaleString('en') : '', output: box.members.some((i) => isOutput.has(i)) };
  if (g.kind === 'leaves') {
    const types = new Set(box.members.map((i) => typeOf(nodes[i])));
    made.look = nodes[box.members[0]].kind;
    made.lines.push(line(types.size === 1 ? [...types][0] : amount(box.members.reduce((sum, i) => sum + (nodes[i].size || 0), 0), '') + ' values'));
    return made;
  }
  const even = g.times && ops.length % g.times === 0;
  if (g.lines) made.lines.push(...g.lines.map((words) => line(words)));
  else made.lines.push(line((even ? g.times + ' × ' + counted(ops.length / g.times, 'op') : counted(ops.length, 'op')) + (values ? ', ' + amount(values, '') + (values === 1 ? ' param' : ' params') : '')));
  const leaving = [...new Set(box.out.flatMap((l) => l.through).filter((i) => !QUIET.has(nodes[i].kind)))];
  if (leaving.length === 1) made.lines.push(line('→ ' + typeOf(nodes[leaving[0]])));
  return made;
}

function mirrorContent(box) {
  const { item } = box, look = data.looks.backward ? 'backward' : 'op';
  if (box.group) {
    const ops = box.back.filter(computes).length, times = groups[box.group].times;
    const said = !ops ? 'passes unchanged' : times && ops % times === 0 ? times + ' × ' + counted(ops / times, 'op') : counted(ops, 'op');
    return { look, lines: [line('∇ ' + clip(groups[box.group].name, 34), 14, 'head'), line(said)], badge: groups[box.group].times ? '×' + groups[box.group].times : '' };
  }
  const n = nodes[item.node];
  if (box.arrives) {
    const lines = [line(nameOf(n) + '.grad', 14, 'head'), line(kindOf(nodes[cotangent.get(n.id)]))];
    return { look, lines, badge: '', gradient: true };
  }
  const made = { look, lines: [line('∇ ' + clip(n.op, 34), 14, 'head')], badge: '' };
  const rules = flowsOf[n.id].map((f) => [f, ruleOf(f)]).filter(([, rule]) => rule.length).map(([f, rule]) => [f, shortRule(rule)]);
  const differ = new Set(rules.map(([, words]) => words)).size > 1;
  const said = [...new Set(rules.map(([f, words]) => (differ ? '→ ' + clip(nameOf(nodes[f.into]) || nodes[f.into].op || nodes[f.into].kind, 14) + ': ' : '') + words))];
  if (said.length) for (const words of said.slice(0, 3)) made.lines.push(line(clip(words, 36), 11, 'rule'));
  else made.lines.push(line(box.back.length ? clip(box.back.filter((i) => nodes[i].kind === 'op').map((i) => nodes[i].op).join(', ') || 'start: 1', 36) : 'passes unchanged'));
  if (n.numbers && n.numbers[1]) made.lines.push(line('g = ' + n.numbers[1]));
  return made;
}

// The derivative rule of a step as text: the formula, and what the engine did with it.
function ruleOf(flow) {
  const rule = data.rules && data.rules[flow.op] && data.rules[flow.op][flow.argument];
  return rule || [];
}

// The formula, or what undoes a broadcast or a cast if that is all the rule does.
function shortRule([formula, ...remarks]) {
  const remark = remarks.length ? String(remarks[0]).split(' (')[0] : '';
  return formula === 'g' && remark && !remark.startsWith('+') ? remark : formula;
}

// ---- overlays --------------------------------------------------------------------------------------------------------
// Every overlay: a title, a unit, the amount of a node, and how several amounts add up.

const norms = (field) => (n) => (n[field] && typeof n[field][5] === 'number' ? n[field][5] : 0);
const OVERLAYS = {
  flops: { title: 'FLOPs', unit: 'FLOP', of: (n) => n.flops || 0 },
  saved: { title: 'Bytes saved', unit: 'B', of: (n) => data.costs.saved[n.id] || 0 },
  bytes: { title: 'Bytes made', unit: 'B', of: (n) => data.costs.bytes[n.id] || 0 },
  time: { title: 'Time', unit: 's', of: (n) => (data.costs.time || {})[n.id] || 0 },
  values: { title: 'Value norms', unit: '', of: norms('values'), norm: true },
  gradients: { title: 'Gradient norms', unit: '', of: norms('gradient'), norm: true },
};
(data.overlays || []).forEach((o, i) => {
  OVERLAYS['given' + i] = {
    title: o.title || 'Overlay', unit: o.unit || '', marks: o.marks || {}, caption: o.caption || [], given: true,
    of: o.totals ? (n) => Number(o.totals[n.id] || 0) : null,
  };
});
for (const k of Object.keys(OVERLAYS)) {
  const o = OVERLAYS[k];
  if (!o.given && !nodes.some((n) => o.of(n) > 0)) delete OVERLAYS[k];
}

let scale = { total: 0, most: 0, least: 0 };

function marksOf(box) {
  const o = OVERLAYS[state.overlay], members = box.arrives ? [...box.members, cotangent.get(box.item.node)] : box.members;
  return o && o.marks ? members.map((i) => o.marks[i]).filter(Boolean) : [];
}

function worstOf(marks) {
  const rank = (m) => (WORST.includes(m.look) ? WORST.indexOf(m.look) : 99);
  return marks.reduce((worst, m) => (worst && rank(worst) <= rank(m) ? worst : m), null);
}

// Where only a part of a group differs from another graph, it says how many, and keeps its look.
function worstOfGroup(box) {
  const o = OVERLAYS[state.overlay], ops = box.members.filter(computes);
  const grave = (ids) => ids.map((i) => o && o.marks && o.marks[i]).filter((m) => m && WORST.includes(m.look));
  const members = grave(ops).length ? ops : box.members, marks = grave(members), worst = worstOf(marks);
  const count = (look) => marks.filter((m) => m.look === look).length;
  if (!worst || !PARTIAL.includes(worst.look) || count(worst.look) === members.length) return worst;
  const of = ' of ' + members.length.toLocaleString('en'), kinds = PARTIAL.filter(count);
  const note = kinds.map((look, k) => count(look).toLocaleString('en') + (k ? '' : of) + ' ' + look).join(', ');
  return { look: '', badge: worst.badge.split(' ')[0] + ' ' + count(worst.look).toLocaleString('en') + of, note, partial: true };
}

function amountOf(box) {
  const o = OVERLAYS[state.overlay];
  if (!o || !o.of) return 0;
  // In the mirror, the norm of a gradient is shown at the gradient.
  if (state.overlay === 'gradients' && state.mode === 'both') return box.mirror ? normOf(o, box.item.members) : 0;
  // In the backward pass, saved values are shown for orientation, but belong to the forward pass.
  const mine = state.mode === 'backward' ? box.members.filter((i) => nodes[i].role) : box.members;
  return o.norm ? normOf(o, mine) : mine.reduce((total, i) => total + o.of(nodes[i]), 0);
}

const normOf = (o, list) => Math.sqrt(list.reduce((total, i) => total + o.of(nodes[i]) ** 2, 0));

function setScale(boxes) {
  const o = OVERLAYS[state.overlay], amounts = boxes.map(amountOf).filter((v) => v > 0);
  scale = { total: amounts.reduce((a, b) => a + b, 0), most: Math.max(0, ...amounts), least: Math.min(...amounts), norm: !!(o && o.norm) };
}

function shownAmount(box) {
  const o = OVERLAYS[state.overlay], value = amountOf(box);
  if (!o || !o.of || !value) return null;
  if (scale.norm) {
    const range = Math.log(scale.most) - Math.log(scale.least);
    return { value, text: '‖·‖ ' + amount(value, ''), weight: range > 0 ? (Math.log(value) - Math.log(scale.least)) / range : 0.5 };
  }
  const percent = 100 * value / scale.total;
  return { value, text: amount(value, o.unit) + ' · ' + (percent >= 9.95 ? percent.toFixed(0) : percent.toFixed(1)) + ' %', weight: value / scale.most };
}

// ---- drawing ---------------------------------------------------------------------------------------------------------

const r1 = (v) => Math.round(v * 10) / 10;

function drawShape(shape, border, x, y, w, h) {
  const rect = (dx, rx, cls) => el('rect', { class: cls || 'box', x: r1(x + dx), y: r1(y + dx), width: r1(w - 2 * dx), height: r1(h - 2 * dx), rx });
  const outline = drawOutline(shape, rect, x, y, w, h);
  if (border !== 'double') return outline;
  return outline.concat(shape === 'rounded' ? [rect(3, 6)] : drawOutline(shape, rect, x + 3, y + 3, w - 6, h - 6));
}

function drawOutline(shape, rect, x, y, w, h) {
  if (shape === 'ellipse') return [el('ellipse', { class: 'box', cx: r1(x + w / 2), cy: r1(y + h / 2), rx: r1(w / 2), ry: r1(h / 2) })];
  if (shape === 'stacked') return [8, 4].map((d) => el('rect', { class: 'box sheet', x: r1(x + d), y: r1(y + d), width: r1(w), height: r1(h), rx: 8 })).concat([rect(0, 8)]);
  if (shape === 'octagon') {
    const c = Math.min(10, h / 3);
    return [el('path', { class: 'box', d: `M${r1(x + c)} ${r1(y)}H${r1(x + w - c)}L${r1(x + w)} ${r1(y + c)}V${r1(y + h - c)}L${r1(x + w - c)} ${r1(y + h)}H${r1(x + c)}L${r1(x)} ${r1(y + h - c)}V${r1(y + c)}Z` })];
  }
  if (shape === 'cylinder') {
    const lid = Math.min(6, h / 4), arc = `${r1(w / 2)} ${lid} 0 0`;
    return [el('path', { class: 'box', d: `M${r1(x)} ${r1(y + lid)}A${arc} 1 ${r1(x + w)} ${r1(y + lid)}V${r1(y + h - lid)}A${arc} 1 ${r1(x)} ${r1(y + h - lid)}ZM${r1(x)} ${r1(y + lid)}A${arc} 0 ${r1(x + w)} ${r1(y + lid)}` })];
  }
  return [rect(0, shape === 'square' ? 0 : 8)];
}

function drawBox(box, made) {
  const { x, y, w, h } = box, what = spokenText(box, made);
  const g = el('g', { class: 'node look-' + made.look + (box.mirror ? ' twin' : '') + (made.gradient ? ' arrives' : '') + ' border-' + made.border, 'data-id': box.id, role: 'button', tabindex: '-1', 'aria-label': what });
  if (box.group) g.setAttribute('aria-expanded', 'false');
  if (made.amount !== undefined) g.setAttribute('data-amount', made.amount);
  if (made.weight !== undefined) { g.classList.add('hot', 'heat-' + Math.round(Math.min(1, Math.max(0, made.weight)) * (data.heats - 1))); }
  g.append(el('title', {}, what), ...drawShape(made.shape, made.border, x, y, w, h));
  const high = made.lines.reduce((sum, l) => sum + l.size * 1.3, 0) - (made.shape === 'cylinder' ? 8 : 0);
  let at = y + (h - high) / 2;
  for (const l of made.lines) {
    at += l.size * 1.3;
    const t = el('text', { class: l.cls, x: r1(x + w / 2), y: r1(at - l.size * 0.3), 'font-size': l.size });
    if (l.sign) t.append(el('tspan', { class: 'sign' }, l.sign + ' '));
    t.append(l.text);
    g.append(t, ' ');
  }
  if (made.badge) {
    // At a corner where no arrow arrives; a badge wider than the box is centred.
    const wide = widthOf(made.badge, 10, true) + 10, left = wide > w ? x + (w - wide) / 2 : Math.max(x, x + w - wide + 8);
    const top = box.group || box.mirror ? y - 9 : y + h - 7;
    g.append(el('rect', { class: 'badge', x: r1(left), y: r1(top), width: r1(wide), height: 16, rx: 8 }),
      el('text', { class: 'badge-text', x: r1(left + wide / 2), y: r1(top + 11.6), 'font-size': 10 }, made.badge));
  }
  if (box.group) {
    g.append(el('g', { class: 'opens' }, el('rect', { x: r1(x - 8), y: r1(y - 9), width: 17, height: 17, rx: 5 }), el('path', { d: `M${r1(x - 3.5)} ${r1(y - 0.5)}h8m-4 -4v8` })));
  }
  return g;
}

function spokenText(box, made) {
  const id = box.mirror ? 'backward of ' + box.item.id : box.id;
  const kind = box.group ? 'shut ' + groups[box.group].kind : box.node >= 0 ? nodes[box.node].kind : '';
  const seen = made.lines.map((l) => (l.sign ? l.sign + ' ' : '') + l.text).concat(made.badge || []).join(' ');
  return [seen, kind, id].filter(Boolean).join(', ');
}

// Points from top to bottom as one path: straight down within rows, a curve between rows.
function wayOf(points, short) {
  const way = points.map((p) => p.slice()), last = way[way.length - 1], before = way[way.length - 2] || last, down = Math.sign(last[1] - points[0][1]) || 1;
  last[1] -= short * down;
  if ((last[1] - before[1]) * down < 0 && way.length > 2) before[1] = last[1];
  let d = `M${r1(way[0][0])} ${r1(way[0][1])}`;
  for (let i = 1; i < way.length; i++) {
    const [x0, y0] = way[i - 1], [x, y] = way[i], m = r1((y0 + y) / 2);
    d += Math.abs(x - x0) < 0.05 ? `V${r1(y)}` : `C${r1(x0)} ${m} ${r1(x)} ${m} ${r1(x)} ${r1(y)}`;
  }
  return d;
}

function tipAt(points) {
  const [x, y] = points[points.length - 1], before = points[points.length - 2] || [x, y - 1], up = y < before[1] ? 1 : -1;
  return `M${r1(x)} ${r1(y)}l-3.5 ${up * TIP}h7z`;
}

const frameTitle = (g) => {
  const text = clip(groups[g].name, 40) + (groups[g].times ? ' ×' + groups[g].times : '');
  return { text, width: widthOf(text, 11, true) };
};

// A title is in the corner that no line crosses; if there is none, a halo keeps lines off the letters.
function drawFrame(frame, aside) {
  const { x, y, w, h, group } = frame, id = 'm' + group + (aside ? "'" : ''), left = x + (aside || 0), title = frameTitle(group);
  const text = (aside ? '∇ ' : '') + title.text, width = title.width + (aside ? 14 : 0);
  const g = el('g', { class: 'frame kind-' + groups[group].kind + (aside ? ' twin' : ''), 'data-id': id, role: 'button', tabindex: '-1', 'aria-expanded': 'true', 'aria-label': 'open ' + groups[group].kind + ' ' + text });
  const right = isCrossed(x + 22, y, width + 4) && w > width + 40 && !isCrossed(x + w - width - 14, y, width + 6);
  g.append(el('title', {}, (moduleName(group) || text) + ': double click or Enter shuts it'),
    el('rect', { class: 'border', x: r1(left), y: r1(y), width: r1(w), height: r1(h), rx: 10 }),
    el('rect', { class: 'handle', x: r1(left), y: r1(y), width: r1(right ? w : Math.min(w, title.width + 44)), height: 22, rx: 8 }),
    el('path', { class: 'minus', d: `M${r1(left + 10)} ${r1(y + 11)}h8` }));
  return [g, el('text', { class: 'frame-title', x: r1(right ? left + w - 10 - width : left + 24), y: r1(y + 15), 'font-size': 11 }, text)];
}

// Whether a line runs through a title bar from x on.
function isCrossed(x, y, width) {
  return picture.edges.some(({ points }) => points.some(([x1, y1], i) => {
    if (!i) return false;
    const [x0, y0] = points[i - 1];
    return Math.max(y0, y1) > y + 3 && Math.min(y0, y1) < y + 20 && Math.max(x0, x1) > x && Math.min(x0, x1) < x + width;
  }));
}

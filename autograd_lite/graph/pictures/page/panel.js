// ---- marks: the selected box, those connected with it, and matches of the search -------------------------------------

let found = [], foundAt = -1, stepped = null;

function select(id, quiet) {
  state.selected = id;
  state.end = '';
  if (!quiet) setHash(id);
  mark();
  showPanel();
}

// The neighbours of a box, or everything before or after it, or all paths from it to another: lines and boxes.
function connectedWith(id) {
  const lines = [...svg.querySelectorAll('.line:not(.saved)')].map((g) => ({ g, s: g.dataset.from, t: g.dataset.to }));
  const near = [...svg.querySelectorAll('.line')].map((g) => ({ g, s: g.dataset.from, t: g.dataset.to }));
  const walk = (from, a, b) => {
    const seen = new Set([from]), stack = [from];
    while (stack.length) {
      const at = stack.pop();
      for (const l of lines) if (l[a] === at && !seen.has(l[b])) { seen.add(l[b]); stack.push(l[b]); }
    }
    return seen;
  };
  if (state.end) {
    const between = (s, t) => { const down = walk(s, 's', 't'), up = walk(t, 't', 's'); return new Set([...down].filter((x) => up.has(x))); };
    let both = between(id, state.end);
    if (!both.size) both = between(state.end, id);
    return { seen: both.size ? both : new Set([id, state.end]), lines: lines.filter((l) => both.has(l.s) && both.has(l.t)) };
  }
  if (state.reach !== 'near') {
    const up = state.reach === 'up' ? walk(id, 't', 's') : walk(id, 's', 't');
    return { seen: up, lines: lines.filter((l) => up.has(l.s) && up.has(l.t)) };
  }
  const touching = near.filter((l) => l.s === id || l.t === id);
  return { seen: new Set([id, ...touching.flatMap((l) => [l.s, l.t])]), lines: touching };
}

function mark() {
  if (!picture) return;
  const chosen = state.selected, is = boxes.has(chosen) ? connectedWith(chosen) : null;
  svg.classList.toggle('focused', !!is && !stepped);
  svg.classList.toggle('stepped', !!stepped);
  for (const [id, g] of drawn) {
    g.classList.toggle('selected', id === chosen);
    g.classList.toggle('near', !!is && is.seen.has(id));
    g.classList.toggle('step', !!stepped && stepped.has(id));
    g.setAttribute('tabindex', id === chosen ? '0' : '-1');
  }
  for (const g of svg.querySelectorAll('.line')) {
    g.classList.remove('near', 'step');
    if (stepped && stepped.has(g.dataset.from) && stepped.has(g.dataset.to)) g.classList.add('step');
  }
  if (is) for (const l of is.lines) l.g.classList.add('near');
  for (const f of svg.querySelectorAll('.frame')) f.classList.toggle('selected', f.dataset.id === chosen);
  if (!boxes.has(chosen) && drawn.size) [...drawn.values()][0].setAttribute('tabindex', '0');
  markHits();
  showOutline();
}

// ---- search ----------------------------------------------------------------------------------------------------------

// What is searched in each node: its words, which are put together when the first is asked for.
const hayOf = (n) => ['n' + n.id, n.kind, n.op, n.glyph, n.name, n.value, typeOf(n), n.role, moduleName(n.group), n.place ? data.places[n.place - 1] : '', ...(n.params || []).map((p) => p.join('='))].join(' ').toLowerCase();
let hay = null;
const UNITS = { '': 1, b: 1, kb: 1e3, mb: 1e6, gb: 1e9, tb: 1e12, kib: 1024, mib: 2 ** 20, gib: 2 ** 30, flop: 1, kflop: 1e3, mflop: 1e6, gflop: 1e9, tflop: 1e12 };

// Words that must all occur; nan and inf look at the numbers, >10MB and <1kFLOP at the sizes.
function matcher(query) {
  hay = hay || nodes.map(hayOf);
  const tests = query.toLowerCase().trim().split(/\s+/).filter(Boolean).map((word) => {
    const size = /^([<>]=?)(\d+(?:\.\d+)?)([a-z]*)$/.exec(word);
    if (size && size[3] in UNITS) {
      const limit = +size[2] * UNITS[size[3]], of = size[3].endsWith('flop') ? (n) => n.flops || 0 : (n) => n.bytes || 0;
      return size[1][0] === '>' ? (n) => of(n) > limit || (size[1] === '>=' && of(n) === limit) : (n) => of(n) < limit || (size[1] === '<=' && of(n) === limit);
    }
    const plain = (n) => hay[n.id].includes(word);
    if (word !== 'nan' && word !== 'inf') return plain;
    const at = word === 'nan' ? 7 : 8;
    const marked = (n) => Object.values(OVERLAYS).some((o) => o.marks && o.marks[n.id] && ['nan', 'origin'].includes(o.marks[n.id].look));
    return (n) => plain(n) || (n.values && n.values[at] > 0) || (n.gradient && n.gradient[at] > 0) || marked(n);
  });
  return tests.length ? (n) => tests.every((t) => t(n)) : null;
}

function search(query) {
  const test = matcher(query);
  found = test ? nodes.filter((n) => (state.mode === 'both' || base(state.mode).home.has(n.id)) && test(n)).map((n) => n.id) : [];
  foundAt = -1;
  markHits();
}

function markHits() {
  const counts = new Map();
  for (const i of found) { const id = boxOf(i); counts.set(id, (counts.get(id) || 0) + 1); }
  svg.classList.toggle('searching', found.length > 0);
  hitLayer.replaceChildren();
  for (const [id, g] of drawn) {
    const n = counts.get(id) || 0, b = boxes.get(id);
    g.classList.toggle('hit', n > 0);
    if (n && b.group) hitLayer.append(el('text', { class: 'hit-count', x: r1(b.x + 6), y: r1(b.y - 4), 'font-size': 10 }, counted(n, 'hit')));
  }
  const typed = $('search').value.trim();
  $('hits').textContent = !typed ? '' : !found.length ? 'no hit' : (foundAt < 0 ? '' : foundAt + 1 + ' / ') + counted(found.length, 'hit');
  $('previous').disabled = $('next').disabled = !found.length;
}

function step(by) {
  if (!found.length) return;
  foundAt = (foundAt + by + found.length) % found.length;
  if (foundAt < 0) foundAt = found.length - 1;
  goTo(found[foundAt]);
  markHits();
}

// Show a node: open what hides it, choose it, and bring it into view.
function goTo(i) {
  if (!boxOf(i).startsWith('n')) { reveal(i); syncTools(); refresh(() => { select(boxOf(i)); keepInSight(boxOf(i), true); }); }
  else { select(boxOf(i)); keepInSight(boxOf(i)); }
}

// ---- the panel -------------------------------------------------------------------------------------------------------

function link(i, words) {
  const n = nodes[i];
  return html('button', { class: 'link', onclick: () => goTo(i), title: 'Show n' + i },
    html('code', {}, 'n' + i), ' ' + clip(words || n.name || n.op || n.value || n.kind, 40));
}

function row(name, ...value) {
  return value.some((v) => v !== '' && v !== null && v !== undefined) ? [html('dt', {}, name), html('dd', {}, ...value)] : [];
}

function links(list, most) {
  const shown = list.slice(0, most || 8).map((i) => link(i));
  if (list.length > shown.length) shown.push(html('span', { class: 'soft' }, '… and ' + counted(list.length - shown.length, 'more').replace('mores', 'more')));
  return shown;
}

function showPanel() {
  const panel = $('panel'), id = state.selected, box = boxes.get(id);
  const g = id[0] === 'm' ? +id.replace("'", '').slice(1) : 0;
  panel.hidden = !id || (!box && !g);
  if (panel.hidden) { drawMinimap(); return; }
  const parts = box && box.mirror ? mirrorPanel(box) : g ? groupPanel(g, box) : nodePanel(nodes[box.node]);
  panel.replaceChildren(html('button', { class: 'icon close', 'aria-label': 'Close details', title: 'Close (Esc)', onclick: () => { select(''); canvas.focus(); } }, '×'), ...parts);
  drawMinimap();
}

function heading(text, sub) {
  return [html('h2', {}, text), html('p', { class: 'soft' }, sub)];
}

function reachButtons() {
  const ways = [['near', 'Neighbors'], ['up', 'Upstream'], ['down', 'Downstream']];
  return html('div', { class: 'segments reach', role: 'group', 'aria-label': 'What is highlighted' }, ...ways.map(([value, word]) =>
    html('button', { 'aria-pressed': String(state.reach === value && !state.end), onclick: () => { state.reach = value; state.end = ''; mark(); showPanel(); } }, word)));
}

function nodePanel(n) {
  const words = data.words && data.words[n.id], parts = partsOf[n.id], all = [n.id, ...parts], marks = marksOf({ members: all });
  const each = (of) => [...new Set(all.flatMap((i) => of[i]))].filter((i) => !parts.includes(i));
  const what = n.kind === 'op' ? (n.role ? 'operation of the backward pass' : 'operation') : n.kind;
  return [
    ...heading(n.name || n.op || n.value || n.kind, 'n' + n.id + ' · ' + what + (all.some((i) => isOutput.has(i)) ? ' · result' : '')),
    words ? html('p', { class: 'formula' }, words) : null,
    reachButtons(),
    html('dl', {},
      ...row('op', n.op || ''), ...row('shape', n.results || n.weak || n.dtype === 'generator' ? '' : n.shape || '()'),
      ...row('dtype', n.results ? '' : n.weak ? n.dtype + ', as Python’s own number' : n.dtype), ...(n.results || []).flatMap(([which, type]) => row('result ' + which, type)), ...row('value', n.value || ''),
      ...row('bytes', n.bytes ? number(n.bytes) + (n.bytes >= 1e4 ? ' (' + amount(n.bytes, 'B') + ')' : '') : ''),
      ...row('FLOPs', n.flops ? number(n.flops) : ''), ...row('time', n.seconds ? amount(n.seconds, 's') : ''),
      ...(n.params || []).flatMap(([k, v]) => row(k, html('code', {}, v))),
      ...row('module', moduleName(n.group)), ...row('line', n.place ? html('code', {}, data.places[n.place - 1]) : ''),
      ...row('role', n.role ? n.role + (n.of ? ' of ' : '') : '', n.role && n.of ? link(n.of - 1) : ''),
      ...row('reads', ...links(n.inputs)), ...row('read by', ...links(each(readers).filter((i) => !nodes[i].role || n.role))),
      ...row('saved by', ...links(each(savedBy))),
      ...(n.role ? [] : n.results ? parts.flatMap((i) => row('gradient' + whichOf(i), gradientState(nodes[i]))) : row('gradient', gradientState(n))),
      ...marks.flatMap((m) => row(OVERLAYS[state.overlay].title, html('span', {}, [m.badge, m.note].filter(Boolean).join(' · '), ...(m.tip || []).filter((t) => t !== m.note).map((t) => html('span', { class: 'tipline' }, t)))))),
    ...all.flatMap((i) => statistics('Values' + whichOf(i), nodes[i].values, nodes[i])), ...all.flatMap((i) => statistics('Gradient' + whichOf(i), nodes[i].gradient, nodes[i])), ...rulesOf([n.id]),
  ].filter(Boolean);
}

// Of a result of a call, which it is.
const whichOf = (i) => (nodes[i].result ? ' ' + nodes[nodes[i].inputs[0]].results[nodes[i].result - 1][0] : '');

function gradientState(n) {
  if (!hasBackward) return '';
  if (cotangent.has(n.id)) return link(cotangent.get(n.id), 'arrives');
  return html('span', { class: 'soft' }, n.kind === 'parameter' ? 'not reached' : 'not required');
}

// Numbers about an array; of a single element, the element.
function statistics(title, s, n) {
  if (!s) return [];
  const [size, low, high, mean, std, norm, zeros, nans, infs] = s;
  if (size === 1) {
    const whole = n.dtype.startsWith('complex') ? ', absolute' : '';
    return [html('h3', {}, title.replace('Values', 'Value') + whole), html('code', { class: 'formula' }, nans ? 'NaN' : infs ? 'infinite' : String(low))];
  }
  return [html('h3', {}, title), html('dl', {}, ...row('least, greatest', number(low) + ' to ' + number(high)),
    ...row('mean ± std', number(mean) + ' ± ' + number(std)), ...row('norm', number(norm)),
    ...row('zeros', zeros ? number(zeros) + ' of ' + number(size) : ''), ...row('NaN', nans ? html('strong', {}, number(nans)) : ''), ...row('infinite', infs ? html('strong', {}, number(infs)) : ''))];
}

function rulesOf(list) {
  const flows = list.flatMap((i) => flowsOf[i]).slice(0, 12);
  if (!flows.length) return [];
  return [html('h3', {}, 'Derivative rules'), html('ul', { class: 'rules' }, ...flows.map((f) =>
    html('li', {}, 'toward ', link(f.into), html('code', { class: 'formula' }, ruleOf(f)[0] || ''), ...ruleOf(f).slice(1).map((t) => html('span', { class: 'soft' }, t, ' · ')), ' gives ', link(f.contribution), f.total !== f.contribution ? html('span', {}, ', added up in ', link(f.total)) : '')))];
}

function mirrorPanel(box) {
  const n = box.item.node >= 0 ? nodes[box.item.node] : null, list = box.item.members;
  const saved = [...new Set(box.back.flatMap((b) => nodes[b].inputs.filter((i) => !nodes[i].role && nodes[i].kind !== 'constant')))];
  const name = n ? (n.op || n.name || n.kind) : groups[box.group].name, arrives = box.arrives ? cotangent.get(n.id) : -1;
  return [
    ...heading((box.arrives ? name + '.grad' : '∇ ' + name), box.arrives ? 'the gradient that arrives' : 'backward of ' + (n ? 'n' + n.id : groups[box.group].kind)),
    box.arrives ? null : html('p', {}, 'The chain rule, backward through ' + name + ': from g, the gradient of what it gives, to the gradients of what it reads. It is also called a vector-Jacobian product (VJP).'),
    reachButtons(),
    html('dl', {}, ...(arrives >= 0 ? [...row('gradient', link(arrives)), ...row('shape', nodes[arrives].shape || '()'), ...row('dtype', nodes[arrives].dtype)] : []),
      ...row('belongs to', n ? link(n.id) : ''), ...row('operations', ...links(box.back, 12)), ...row('saved', ...links(saved)),
      ...row('bytes saved', saved.length ? amount(saved.reduce((s, i) => s + (nodes[i].bytes || 0), 0), 'B') : ''),
      ...row('FLOPs', number(box.back.reduce((s, i) => s + (nodes[i].flops || 0), 0)))),
    ...(arrives >= 0 ? statistics('Gradient', n.gradient, n) : rulesOf(list)),
  ].filter(Boolean);
}

function groupPanel(g, box) {
  const { home } = base(state.mode), list = [...home].filter(([, h]) => h === g || pathOfGroup[h].includes(g)).map(([i]) => i).sort((a, b) => a - b);
  const ops = list.filter(computes), counts = new Map();
  for (const i of ops) counts.set(nodes[i].op, (counts.get(nodes[i].op) || 0) + 1);
  const sum = (f) => list.reduce((s, i) => s + f(nodes[i]), 0);
  return [
    ...heading(groups[g].name, 'm' + g + ' · ' + groups[g].kind + (groups[g].times ? ' of ' + groups[g].times : '')),
    html('button', { class: 'wide', onclick: () => openOrShut('m' + g) }, box ? 'Open  (Enter)' : 'Shut  (Enter)'), box ? reachButtons() : null,
    html('dl', {}, ...row('module', moduleName(g)), ...row('operations', number(ops.length)),
      ...row('parameters', sum((n) => (n.kind === 'parameter' ? n.size || 0 : 0)) ? counted(sum((n) => (n.kind === 'parameter' ? n.size || 0 : 0)), 'value') : ''),
      ...row('FLOPs', number(sum((n) => n.flops || 0))), ...row('bytes saved', hasBackward ? amount(sum((n) => data.costs.saved[n.id] || 0), 'B') : ''),
      ...row('reads', ...(box ? links([...new Set(box.into.flatMap((l) => l.through))]) : [])),
      ...row('gives', ...(box ? links([...new Set(box.out.flatMap((l) => l.through))]) : [])),
      ...row('made of', html('span', {}, [...counts].sort((a, b) => b[1] - a[1]).slice(0, 14).map(([op, n]) => (n > 1 ? op + ' ×' + n : op)).join(', ')))),
    ...(box ? marksOf(box).slice(0, 10).map((m) => html('p', { class: 'tipline' }, [m.badge, m.note, ...(m.tip || [])].filter(Boolean).join(' · '))) : []),
  ].filter(Boolean);
}

// ---- the outline: the same boxes and frames as a tree -----------------------------------------------------------------

function showOutline() {
  const tree = $('tree');
  if (!picture || !$('stage').classList.contains('with-outline')) { tree.replaceChildren(outlineItem(null)); return; }
  tree.replaceChildren(...outlineLevel(picture.frames.get(0), 1));
}

function outlineItem(thing, level) {
  if (!thing) return html('li', { role: 'treeitem', tabindex: '-1', 'aria-level': '1' }, 'The outline is closed; the key o opens it.');
  const name = thing.frame ? frameTitle(thing.group).text : thing.made.lines.map((l) => l.text).join(', ');
  const li = html('li', { role: 'treeitem', 'data-id': thing.id, 'aria-level': String(level), tabindex: '-1', 'aria-selected': String(thing.id === state.selected) });
  if (thing.frame || thing.group) li.setAttribute('aria-expanded', String(!!thing.frame));
  li.append(html('span', { class: 'label' }, html('code', {}, thing.id), ' ' + name));
  return li;
}

function outlineLevel(frame, level) {
  return frame.inside.map((thing) => {
    const li = outlineItem(thing, level);
    if (thing.frame) li.append(html('ul', { role: 'group' }, ...outlineLevel(thing, level + 1)));
    return li;
  });
}

// ---- the page: tools, keys, address, theme ----------------------------------------------------------------------------

function say(text) { $('said').textContent = text; }

function setHash(id) {
  try { history.replaceState(null, '', id ? '#' + id : location.pathname + location.search); } catch (error) { /* a page without an address */ }
}

function openHash() {
  const name = decodeURIComponent(location.hash.slice(1)).replace(/'$/, ''), i = +name.slice(1);
  if (!/^[nm]\d+$/.test(name)) return false;
  if (name[0] === 'n' && i < nodes.length) { goTo(i); return true; }
  if (name[0] === 'm' && i > 0 && i < groups.length) {
    for (const p of pathOfGroup[i].slice(0, -1)) state.open.add(p);
    syncTools();
    refresh(() => { select(name); keepInSight(name, true); });
    return true;
  }
  return false;
}

// The caption: counts of the visible boxes, and the total of the numbers shown.
function showCaption() {
  const o = OVERLAYS[state.overlay], inside = [...picture.items.values()].reduce((n, b) => n + b.members.length, 0);
  const folded = [...picture.items.values()].filter((b) => b.group).length;
  const seen = data.summary + (folded ? ' — ' + counted(inside, 'node') + ' in ' + counted(picture.items.size, 'box').replace('boxs', 'boxes') : '');
  const parts = [html('span', {}, seen)];
  if (o) {
    const adds = o.of && !scale.norm;
    parts.push(html('strong', { id: 'total', 'data-total': adds ? scale.total : undefined }, o.title + (adds ? ': ' + (scale.total ? amount(scale.total, o.unit) + ' in all' : 'none in this pass') : '')));
    for (const text of o.caption || []) parts.push(html('span', {}, text));
  }
  $('caption').replaceChildren(...parts);
  const used = new Set([...boxes.values()].map((b) => b.made.look)), looks = Object.keys(data.looks).filter((l) => used.has(l));
  const sample = (look) => {
    const [shape, border] = data.looks[look];
    return el('svg', { width: 26, height: 18, class: 'sample' }, el('g', { class: 'node look-' + look + ' border-' + border }, ...drawShape(shape === 'stacked' ? 'rounded' : shape, border, 2, 2, 22, 13)));
  };
  const stroke = (cls, word) => html('span', {}, el('svg', { width: 26, height: 18, class: 'sample' }, el('g', { class: 'line ' + cls }, el('path', { class: 'way', d: 'M1 9H25' }))), word);
  $('legend').replaceChildren(...looks.map((l) => html('span', {}, sample(l), data.looks[l][3])),
    ...(svg.querySelector('.line.gradient') ? [stroke('gradient', 'gradient')] : []), ...(svg.querySelector('.line.saved') ? [stroke('saved', 'saved for backward')] : []));
}

function syncTools() {
  for (const b of $('modes').children) b.setAttribute('aria-pressed', String(b.dataset.mode === state.mode));
  $('overlay').value = state.overlay;
}

function redraw(keep, after) {
  const chosen = state.selected;
  refresh(() => {
    if (chosen && !boxes.has(chosen) && !frameBox(chosen)) select('', true);
    if (!keep) lookAtChosen();
    showPanel();
    if (after) after();
  });
}

function openOrShut(id) {
  const was = boxes.has(id) ? 'shut' : 'open', plain = id.replace("'", '');
  let now = '';
  keepInPlace(plain, () => { now = toggle(plain); }, () => {
    const next = state.open.has(+now.slice(1)) ? firstInside(+now.slice(1)) : now;
    select(next || now);
    keepInSight(next || now);
    focusBox(state.selected);
    if (now) say(groups[+now.slice(1)].name + (was === 'shut' ? ' opened' : ' shut') + ', ' + counted(drawn.size, 'box').replace('boxs', 'boxes'));
  });
}

function firstInside(g) {
  const inside = [...picture.items.values()].filter((b) => pathOfGroup[b.parent].includes(g));
  return inside.length ? inside[0].id : '';
}

function focusBox(id) {
  const g = drawn.get(id) || svg.querySelector('.frame[data-id="' + id + '"]');
  if (g) g.focus({ preventScroll: true });
}

// ---- keys ------------------------------------------------------------------------------------------------------------

// Up and down follow the lines; left and right go to the next box in the row.
function walk(key) {
  const here = boxes.get(state.selected);
  if (!here) { const first = boxes.keys().next().value; if (first) { select(first); keepInSight(first); focusBox(first); } return; }
  const middle = (b) => [b.x + b.w / 2, b.y + b.h / 2], [hx, hy] = middle(here);
  let next = null, best = Infinity;
  if (key === 'ArrowUp' || key === 'ArrowDown') {
    for (const g of svg.querySelectorAll('.line:not(.saved)')) {
      const other = g.dataset.from === here.id ? g.dataset.to : g.dataset.to === here.id ? g.dataset.from : '';
      if (!other) continue;
      const [x, y] = middle(boxes.get(other)), d = Math.hypot(x - hx, y - hy) + (g.classList.contains('quiet') ? 1e6 : 0);
      if ((key === 'ArrowDown' ? y > hy : y < hy) && d < best) { best = d; next = other; }
    }
  } else {
    for (const b of boxes.values()) {
      const [x, y] = middle(b), d = Math.abs(x - hx) + 4 * Math.abs(y - hy);
      if ((key === 'ArrowRight' ? x > hx + 1 : x < hx - 1) && d < best) { best = d; next = b.id; }
    }
  }
  if (next) { select(next); keepInSight(next); focusBox(next); }
}

const KEYS = {
  '/': () => { $('search').focus(); $('search').select(); },
  '?': () => showHelp(), '+': () => zoomBy(1.25, null, null, true), '=': () => zoomBy(1.25, null, null, true), '-': () => zoomBy(0.8, null, null, true),
  0: () => fit(true), f: () => fit(true), o: () => toggleOutline(), t: () => switchTheme(), s: () => exportSvg(),
  n: () => step(1), N: () => step(-1), m: () => switchMode(), '[': () => showStep(player.at - 1), ']': () => showStep(player.at + 1), p: () => playOrPause(),
  a: () => { openToDepth(DEPTHS); redraw(); }, c: () => { openToDepth(0); redraw(); },
};

function startKeys() {
  document.addEventListener('keydown', (e) => {
    if (e.ctrlKey || e.metaKey || e.altKey || $('help').open) return;
    const on = e.target.closest ? e.target : document.body, typing = /^(INPUT|SELECT|TEXTAREA)$/.test(on.tagName);
    if (e.key === 'Escape') {
      if (cancel()) return;
      if (typing && on.id === 'search' && on.value) { on.value = ''; search(''); }
      else if (state.end) { state.end = ''; mark(); showPanel(); }
      else if (state.selected) select('');
      else if (stepped && !told) showStep(0);
      if (typing) { on.blur(); canvas.focus(); }
      return;
    }
    if (typing) return;
    const inTree = on.closest('[role=tree]');
    if (e.key.startsWith('Arrow')) {
      if (inTree) walkTree(e.key, on); else if (!on.closest('button, .segments')) walk(e.key); else return;
    } else if (e.key === 'Enter' || e.key === ' ') {
      if (on.tagName === 'BUTTON') return;
      if (inTree) chooseInTree(on);
      else if (state.selected) openOrShut(state.selected);
    } else if (KEYS[e.key]) KEYS[e.key]();
    else return;
    e.preventDefault();
  });
}

function walkTree(key, on) {
  const all = [...$('tree').querySelectorAll('[role=treeitem]')], i = all.indexOf(on);
  const go = (li) => { if (li) { for (const x of all) x.setAttribute('tabindex', '-1'); li.setAttribute('tabindex', '0'); li.focus(); } };
  if (key === 'ArrowDown') go(all[i + 1]);
  else if (key === 'ArrowUp') go(all[i - 1]);
  else {
    const open = on.getAttribute('aria-expanded'), id = on.dataset.id;
    if ((key === 'ArrowRight' && open === 'false') || (key === 'ArrowLeft' && open === 'true')) openInTree(id);
    else go(key === 'ArrowRight' ? on.querySelector('[role=treeitem]') : on.parentElement.closest('[role=treeitem]'));
  }
}

function openInTree(id) {
  const g = +id.slice(1);
  keepInPlace(id, () => { if (state.open.has(g)) shut(g); else { state.open.add(g); openLone(g); } }, () => {
    select(id);
    const li = $('tree').querySelector('[data-id="' + id + '"]');
    if (li) { li.setAttribute('tabindex', '0'); li.focus(); }
  });
}

function chooseInTree(li) {
  const id = li.dataset.id;
  if (!id) return;
  select(id);
  keepInSight(id, true);
  const again = $('tree').querySelector('[data-id="' + id + '"]');
  if (again) { again.setAttribute('tabindex', '0'); again.focus(); }
}

// ---- the tools -------------------------------------------------------------------------------------------------------

function switchMode(to) {
  const modes = hasBackward ? ['forward', 'both', 'backward'] : ['forward'];
  const was = state.selected;
  state.mode = to || modes[(modes.indexOf(state.mode) + 1) % modes.length];
  if (stepped) showStep(player.at);
  else { state.selected = ''; syncTools(); redraw(false, () => { if (boxes.has(was)) { select(was); keepInSight(was, true); } }); }
}

// The system's theme until the reader chooses one; on paper it is light.
const darkness = matchMedia('(prefers-color-scheme: dark)');

function setTheme(theme) {
  document.documentElement.dataset.theme = theme;
  $('theme').setAttribute('aria-pressed', String(theme === 'dark'));
  thumbnail.stale = true;
  drawMinimap();
}

function switchTheme() {
  state.theme = document.documentElement.dataset.theme === 'dark' ? 'light' : 'dark';
  setTheme(state.theme);
}

const systemTheme = () => state.theme || (darkness.matches ? 'dark' : 'light');
darkness.addEventListener('change', () => setTheme(systemTheme()));
window.addEventListener('beforeprint', () => { setTheme('light'); setOnPaper(true); });
window.addEventListener('afterprint', () => { setTheme(systemTheme()); setOnPaper(false); });

function toggleOutline() {
  const open = $('stage').classList.toggle('with-outline');
  $('outlined').setAttribute('aria-expanded', String(open));
  showOutline();
  const first = $('tree').querySelector('[aria-selected=true]') || $('tree').querySelector('[role=treeitem]');
  if (first) { first.setAttribute('tabindex', '0'); if (open) first.focus(); }
  lookAtChosen();
}

function showHelp() {
  const keys = [['↑ ↓', 'follow the lines'], ['← →', 'go to the neighbour in the row'], ['Enter', 'open or shut a module'], ['/', 'search: names, ops, shapes, modules, nan, >10MB, <1kFLOP'],
    ['Enter, Shift+Enter', 'next hit, previous hit'], ['+ − 0', 'zoom in, zoom out, fit'], ['m', 'forward, both, backward'], ['a c', 'open all, shut all'], ['o', 'outline'],
    ['t', 'light or dark'], ['s', 'save as SVG'], ['[ ] p', 'previous step, next step, play'], ['Esc', 'let go'], ['Shift+click', 'all paths from the chosen box to this one']];
  $('help').replaceChildren(html('h2', {}, 'Keys'), html('dl', { class: 'keys' }, ...keys.flatMap(([k, what]) => [html('dt', {}, html('kbd', {}, k)), html('dd', {}, what)])),
    html('form', { method: 'dialog' }, html('button', { class: 'wide' }, 'Close')));
  $('help').showModal();
}

// The picture as a separate file: with its style inside, in the current theme.
function svgText() {
  settleView();
  const copy = svg.cloneNode(true), css = [...document.styleSheets].flatMap((s) => [...s.cssRules]).map((r) => r.cssText).filter((t) => /\.(node|line|frame|look-|heat-|border-|badge|soft|head|rule|strong|sign|bytes|hot|plain|none|twin|frame-title|badge-text|box|place)/.test(t) && !/:(focus|hover)|\.bar|#panel|@media/.test(t));
  const names = new Set(css.join(' ').match(/var\(--[\w-]+/g).map((v) => v.slice(4))), style = getComputedStyle(document.documentElement);
  const values = [...names].map((v) => [v, style.getPropertyValue(v).trim()]).filter(([, value]) => value).map(([v, value]) => v + ':' + value).join(';');
  for (const g of copy.querySelectorAll('.opens')) g.remove();
  for (const g of copy.querySelectorAll('[tabindex]')) { g.removeAttribute('tabindex'); g.removeAttribute('role'); }
  for (const g of copy.querySelectorAll('.selected, .near, .hit')) g.classList.remove('selected', 'near', 'hit');
  copy.querySelector('#world').setAttribute('transform', 'translate(24 24)');
  const w = Math.ceil(view.w + 56), h = Math.ceil(view.h + 56);
  copy.setAttribute('viewBox', `0 0 ${w} ${h}`); copy.setAttribute('width', w); copy.setAttribute('height', h); copy.setAttribute('class', ''); copy.setAttribute('role', 'img');
  copy.setAttribute('font-family', FONT);
  copy.prepend(el('style', {}, `svg{${values}}\n` + css.join('\n')), el('rect', { width: w, height: h, fill: style.getPropertyValue('--page') }));
  return new XMLSerializer().serializeToString(copy);
}

function exportSvg() {
  const url = URL.createObjectURL(new Blob([svgText()], { type: 'image/svg+xml' })), a = html('a', { href: url, download: 'graph.svg' });
  a.click();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
  say('Saved as graph.svg');
}

function startTools() {
  for (const mode of hasBackward ? ['forward', 'both', 'backward'] : []) {
    $('modes').append(html('button', { 'data-mode': mode, 'aria-pressed': 'false', onclick: () => switchMode(mode) }, mode[0].toUpperCase() + mode.slice(1)));
  }
  $('modes').hidden = !hasBackward;
  $('overlay').append(html('option', { value: '' }, 'kind'), ...Object.keys(OVERLAYS).map((k) => html('option', { value: k }, OVERLAYS[k].title)));
  $('overlay').addEventListener('change', () => { state.overlay = $('overlay').value; redraw(true); });
  $('depth').append(html('option', { value: 'auto' }, 'auto'), ...Array.from({ length: DEPTHS + 1 }, (_, d) => html('option', { value: d }, d === DEPTHS && d ? 'all' : String(d))));
  $('depth').addEventListener('change', () => { const d = $('depth').value; if (d === 'auto') openAtFirst(); else openToDepth(+d); redraw(); });
  $('depth').parentElement.hidden = !DEPTHS;
  $('search').addEventListener('input', () => search($('search').value));
  $('search').addEventListener('keydown', (e) => { if (e.key === 'Enter') { step(e.shiftKey ? -1 : 1); e.preventDefault(); } });
  for (const [id, act] of [['previous', () => step(-1)], ['next', () => step(1)], ['outlined', toggleOutline], ['export', exportSvg], ['theme', switchTheme], ['helped', showHelp],
    ['in', () => zoomBy(1.25, null, null, true)], ['out', () => zoomBy(0.8, null, null, true)], ['fit', () => fit(true)], ['cancel', cancel]]) $(id).addEventListener('click', act);
  const idOf = (e) => { const g = e.target.closest('.node, .frame'); return g ? g.dataset.id : ''; };
  // Lines run over the title bars of frames, which must be clickable all the same.
  const handleAt = (e) => (e.target.closest('.node') ? null : document.elementsFromPoint(e.clientX, e.clientY).find((t) => t.matches('.handle')));
  svg.addEventListener('click', (e) => {
    if (drag && drag.moved) return;
    const id = idOf(e);
    if (e.shiftKey && boxes.has(state.selected) && boxes.has(id)) { state.end = id; mark(); showPanel(); return; }
    const handle = handleAt(e);
    if (handle) { openOrShut(handle.parentNode.dataset.id); return; }
    const box = boxes.get(id);
    if (box && box.group && (id === state.selected || e.target.closest('.opens'))) { openOrShut(id); return; }
    select(e.target.closest('.frame') ? '' : id);
    if (id) focusBox(id);
  });
  svg.addEventListener('focusin', (e) => { const id = idOf(e); if (id && id !== state.selected && e.target.matches(':focus-visible')) { select(id); keepInSight(id); } });
  svg.addEventListener('dblclick', (e) => { const id = idOf(e); if (id && boxes.has(id) === false && e.target.closest('.frame')) openOrShut(id); });
  $('tree').addEventListener('click', (e) => { const li = e.target.closest('[role=treeitem]'); if (li) { if (li.dataset.id === state.selected && li.hasAttribute('aria-expanded')) openInTree(li.dataset.id); else chooseInTree(li); } });
  window.addEventListener('hashchange', openHash);
  let resized = 0;
  window.addEventListener('resize', () => { clearTimeout(resized); resized = setTimeout(() => (boxes.has(state.selected) ? keepInSight(state.selected) : fitReadably()), 80); });
}

// ---- begin -----------------------------------------------------------------------------------------------------------

setTheme(systemTheme());
canvas.setAttribute('tabindex', '-1');
const given = Object.keys(OVERLAYS).find((k) => OVERLAYS[k].given);
if (given) state.overlay = given;
openAtFirst();
// The origin of the first non-finite number is shown at once.
if (given) for (const i in OVERLAYS[given].marks) if (OVERLAYS[given].marks[i].look === 'origin') reveal(+i);
startTools();
startPointers();
startMinimap();
startKeys();
startPlayer();
syncTools();
redraw(false, () => { if (!openHash()) showStep(0); document.documentElement.dataset.ready = String(Math.round(performance.now())); });

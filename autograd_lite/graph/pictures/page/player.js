// ---- the step player: the passes, or an explanation, over the same picture ---------------------------------------------
// First what the forward pass computed, then the steps of the chain rule in the order in which they run, finally the
// gradients: one row of the graph's own words; with an explanation, also the whole step with its numbers below.

const told = data.explain, player = { at: 0, timer: 0, frames: [] };
// With more steps, no one goes through all of them, and a lower window has no room for a whole step at first.
const MOST_STEPS = 300, LOW = 620;
const idOf = (name) => (/^n\d+$/.test(name || '') ? +name.slice(1) : -1);

// The steps that the graph itself tells. At the first, nothing stands out yet.
function ownFrames() {
  const ops = nodes.filter((n) => !n.role && n.kind === 'op'), gradients = hasBackward ? [...gradientOf].sort((a, b) => a[1] - b[1]) : [];
  if (!ops.length || ops.length + data.flows.length + gradients.length >= MOST_STEPS) return [];
  const frames = ops.map((n) => ({ phase: 'Forward', made: { id: 'n' + n.id }, row: madeRow(n) }));
  for (const [op, argument, into, contribution] of data.flows) {
    frames.push({ phase: 'Backward', step: { op: 'n' + op, into: 'n' + into, nodes: ['n' + contribution] }, row: flowRow({ op, argument, into, contribution }) });
  }
  for (const [i, of] of gradients) {
    frames.push({ phase: 'Gradient', target: { id: 'n' + of }, row: calledIn(of) + '.grad' + resultOf(nodes[i]) });
  }
  const what = hasBackward ? 'Step through the forward pass, then through the chain rule backward' : 'Step through the forward pass';
  return [{ row: what }, ...frames];
}

const calledIn = (i) => nameOf(nodes[i]) || nodes[i].op || nodes[i].value || nodes[i].kind;
const resultOf = (n) => (n.numbers ? ' = ' + n.numbers[0] : ': ' + typeOf(n));
const madeRow = (n) => (n.name ? nameOf(n) + ' = ' : '') + ((data.words && data.words[n.id]) || n.op) + resultOf(n);

function flowRow(f) {
  const given = nodes[f.op].numbers, rule = shortRule(ruleOf(f)) || 'g', g = given && given[1] && rule !== 'g' ? ', where g = ' + given[1] : '';
  return 'from ' + calledIn(f.op) + ' to ' + calledIn(f.into) + ': ' + rule + resultOf(nodes[f.contribution]) + g;
}

// The same of a step of an explanation.
function toldRow(frame) {
  const s = frame.step;
  if (frame.made) return frame.made.name + (frame.made.words && frame.made.words !== frame.made.name ? ' = ' + frame.made.words : '');
  if (s) return '∂' + lossName() + '/∂' + s.target + (s.use > 1 ? ' += ' : ' = ') + s.rule;
  return frame.gap ? counted(frame.gap.count, 'step') + ' left out' : 'of ' + frame.target.name;
}

function playerFrames() {
  const frames = (told.forward || []).map((m) => ({ phase: 'Forward', made: m }));
  const gaps = new Map((told.gaps || []).map((gap) => [gap.after, gap]));
  if (gaps.has(0)) frames.push({ phase: 'Backward', gap: gaps.get(0) });
  for (const s of told.steps || []) {
    frames.push({ phase: 'Backward', step: s });
    if (gaps.has(s.number)) frames.push({ phase: 'Backward', gap: gaps.get(s.number) });
  }
  return frames.concat((told.targets || []).map((t) => ({ phase: 'Gradient', target: t })));
}

function startPlayer() {
  player.frames = told ? playerFrames() : ownFrames();
  if (!player.frames.length) return;
  const foot = $('player'), icon = (d) => { const s = el('svg', { viewBox: '0 0 16 16', 'aria-hidden': 'true' }); s.append(...d.map((p) => el('path', { d: p, class: 'solid' }))); return s; };
  const button = (id, d, label, act) => html('button', { id, class: 'icon', 'aria-label': label, title: label, onclick: act }, icon(d));
  const slider = html('input', { id: 'slider', type: 'range', min: '0', max: String(player.frames.length - 1), value: '0', 'aria-label': 'Step', oninput: () => { pause(); showStep(+slider.value); } });
  foot.append(
    html('div', { class: 'controls' },
      button('first', ['M4 3v10', 'M12.5 3.5 6 8l6.5 4.5z'], 'First step', () => { pause(); showStep(0); }),
      button('back', ['M11 3.5 4.5 8l6.5 4.5z'], 'Previous step ([)', () => { pause(); showStep(player.at - 1); }),
      button('play', ['M5 3.5 12 8l-7 4.5z', 'M5 3.5 12 8l-7 4.5z'], 'Play (p)', playOrPause),
      button('forth', ['M5 3.5 11.5 8 5 12.5z', 'M13 3.5v9'], 'Next step (])', () => { pause(); showStep(player.at + 1); }),
      slider, html('span', { id: 'count' }), html('span', { id: 'row', 'aria-live': 'polite' }),
      told ? html('button', { id: 'whole', onclick: () => { showWhole(foot.classList.contains('slim')); showStep(player.at); } }, 'Details') : null),
    told ? html('div', { id: 'step', 'aria-live': 'polite' }) : '');
  foot.hidden = false;
  showWhole(!!told && window.innerHeight >= LOW);
}

function showWhole(whole) {
  $('player').classList.toggle('slim', !whole);
  if (told) $('whole').setAttribute('aria-expanded', String(whole));
}

function playOrPause() {
  if (!player.frames.length) return;
  if (player.timer) { pause(); return; }
  if (player.at === player.frames.length - 1) showStep(0);
  $('play').classList.add('playing');
  $('play').setAttribute('aria-label', 'Pause (p)');
  player.timer = setInterval(() => { if (player.at < player.frames.length - 1) showStep(player.at + 1); else pause(); }, 1600);
}

function pause() {
  clearInterval(player.timer);
  player.timer = 0;
  $('play').classList.remove('playing');
  $('play').setAttribute('aria-label', 'Play (p)');
}

function showStep(at) {
  if (!player.frames.length) return;
  player.at = Math.min(player.frames.length - 1, Math.max(0, at));
  const frame = player.frames[player.at];
  $('slider').value = player.at;
  $('slider').setAttribute('aria-valuetext', (frame.phase ? frame.phase + ', ' : '') + (player.at + 1) + ' of ' + player.frames.length);
  $('count').textContent = player.at + 1 + ' / ' + player.frames.length;
  const row = told ? toldRow(frame) : frame.row;
  $('row').title = row;
  $('row').replaceChildren(...(frame.phase ? [html('span', { class: 'phase' }, frame.phase), ' ', html('code', {}, row)] : [row]));
  if (told) $('step').replaceChildren(...(frame.made ? madeStep(frame.made) : frame.step ? ruleStep(frame.step) : frame.gap ? gapStep(frame.gap) : targetStep(frame.target)));
  const shown = nodesOf(frame), hidden = shown.filter((i) => { const id = boxOf(i); return id[0] === 'm' || !id; });
  const light = () => {
    stepped = frame.phase ? new Set(shown.map(boxOf).filter(Boolean)) : null;
    if (frame.step && state.mode === 'both') stepped.add(boxOf(idOf(frame.step.op)) + "'").add(boxOf(idOf(frame.step.into)) + "'");
    state.selected = '';
    mark();
    showPanel();
    const seen = [...(stepped || [])].map((id) => boxes.get(id)).filter(Boolean);
    if (seen.length) keepAllInSight(seen);
  };
  if (hidden.length) { for (const i of hidden) reveal(i); syncTools(); redraw(true, light); } else light();
}

// The nodes of a step; an explanation of a larger graph may name some that are not in this one.
function nodesOf(frame) {
  return toldNodes(frame).filter((i) => i >= 0 && i < nodes.length);
}

function toldNodes(frame) {
  const s = frame.step;
  if (!frame.phase) return [];
  if (frame.made) return [idOf(frame.made.id), ...(nodes[idOf(frame.made.id)] || { inputs: [] }).inputs];
  if (frame.target) return [idOf(frame.target.id), ...(cotangent.has(idOf(frame.target.id)) ? [cotangent.get(idOf(frame.target.id))] : [])];
  return s ? [idOf(s.op), idOf(s.into), ...(state.mode === 'forward' ? [] : s.nodes.map(idOf))].filter((i) => i >= 0) : [];
}

const lossName = () => (told.outputs && told.outputs.length === 1 ? told.outputs[0].name : 'loss') || 'loss';

// ---- what a step says ------------------------------------------------------------------------------------------------

const title = (phase, ...words) => html('p', { class: 'step-title' }, html('span', { class: 'phase' }, phase), ' ', ...words);
const sourceOf = (s) => (s.source ? html('p', { class: 'soft' }, html('code', {}, s.source)) : null);

function madeStep(m) {
  return [title('Forward', html('code', {}, m.name)),
    html('div', { class: 'pieces' }, html('div', {}, html('code', { class: 'formula' }, m.name + (m.words && m.words !== m.name ? ' = ' + m.words : '')), sourceOf(m)), ...numbersOf(m.name, m.value))];
}

function ruleStep(s) {
  const words = [html('code', { class: 'formula' }, '∂' + lossName() + '/∂' + s.target + (s.use > 1 ? ' += ' : ' = ') + s.rule)];
  if (s.local) words.push(html('p', {}, 'local derivative ', html('code', {}, '∂' + s.result + '/∂' + s.target + ' = ' + s.local)));
  words.push(html('p', {}, [s.reason, ...s.remarks].filter(Boolean).join('; ')), sourceOf(s));
  const same = s.uses < 2;
  return [title('Backward', 'step ' + s.number + ': from ', html('code', {}, s.result + (s.forward ? ' = ' + s.forward : '')), ' to ', html('code', {}, s.target), s.uses > 1 ? ', use ' + s.use + ' of ' + s.uses : ''),
    html('div', { class: 'pieces' }, html('div', {}, ...words.filter(Boolean)), ...s.incoming.flatMap((g) => numbersOf(g.name + ': comes in', g.value, 'incoming')), ...(s.slope ? numbersOf('local derivative', s.slope, 'slope') : []),
      ...numbersOf(same ? 'gives ∂' + lossName() + '/∂' + s.target : 'this use gives', s.contribution, 'contribution'), ...(same ? [] : numbersOf('in all so far', s.total, 'total')))];
}

function gapStep(gap) {
  return [title('Backward', counted(gap.count, 'step') + ' left out'), html('p', {}, gap.words)];
}

function targetStep(t) {
  return [title('Gradient', 'of ', html('code', {}, t.name)),
    html('div', { class: 'pieces' }, html('div', {}, html('p', {}, t.count > 1 ? 'The sum of what ' + t.count + ' uses contribute.' : 'What its one use contributes.')), ...numbersOf('∂' + lossName() + '/∂' + t.name, t.gradient, 'gradient'))];
}

// An array: its name, its type and norm, and its numbers as a table; each holds all its digits.
function numbersOf(name, a, what) {
  if (!a) return [];
  const shape = '(' + a.shape.join(', ') + (a.shape.length === 1 ? ',' : '') + ')';
  const known = typeof a.norm === 'number' && a.shape.length ? ', ‖·‖ = ' + number(a.norm) : '';
  const box = html('figure', { class: 'numbers', 'data-what': what || 'value' }, html('figcaption', {}, html('strong', {}, name), html('span', { class: 'soft' }, ' ' + shape + ' ' + a.dtype + known)));
  if (a.numbers === null || a.numbers === undefined) return [box];
  const rows = rowsOf(a.numbers), most = Math.max(...rows.flat().map((v) => Math.abs(Number(v)) || 0));
  const cell = (v) => {
    const td = html('td', { 'data-value': String(v), title: String(v) }, short(v));
    if (typeof v === 'number' && most > 0 && rows.flat().length > 1) td.style.setProperty('--tint', Math.round(44 * Math.abs(v) / most) + '%');
    if (v < 0) td.className = 'below';
    return td;
  };
  box.append(html('table', {}, html('tbody', {}, ...rows.map((r) => html('tr', {}, ...r.map(cell))))));
  return [box];
}

const short = (v) => (typeof v === 'number' ? (Number.isInteger(v) ? String(v) : Math.abs(v) >= 1e5 || Math.abs(v) < 1e-3 ? v.toExponential(2) : String(+v.toPrecision(4))) : String(v));

function rowsOf(values) {
  if (!Array.isArray(values)) return [[values]];
  if (!values.length || !Array.isArray(values[0])) return [values];
  return Array.isArray(values[0][0]) ? values.flatMap(rowsOf) : values;
}

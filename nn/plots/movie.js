'use strict';
// Moves points and lines of the figure to where they are in a frame, or between two.
const { label, captions, parts, places } = JSON.parse(document.getElementById('data').textContent);
const NOWHERE = -32768, FRAME_MS = 320;
const form = document.querySelector('form'), slider = form.querySelector('input'), said = form.querySelector('output');
const button = form.querySelector('button'), icon = button.querySelector('path');
const still = matchMedia('(prefers-reduced-motion: reduce)');
const last = captions.length - 1;

const moving = parts.map((part, k) => {
  const bytes = Uint8Array.from(atob(places[k]), c => c.charCodeAt(0));
  const group = document.getElementById(part.id);
  const path = [...group.querySelectorAll('path')].find(one => !one.closest('defs'));
  return { ...part, at: new Int16Array(bytes.buffer), path, dots: dotsOf(group, part) };
});

// The marks of a part: as many as it has points, whatever the figure left out.
function dotsOf(group, part) {
  let dots = [...group.querySelectorAll('use')];
  if (!dots.length) return [];
  while (dots.length < part.count) {
    const copy = dots[0].cloneNode(true);
    dots[dots.length - 1].after(copy);
    dots.push(copy);
  }
  return dots;
}

function place(part, frame, i) {
  const low = Math.floor(frame), high = Math.min(low + 1, last), share = frame - low;
  const [a, b] = [low, high].map(k => 2 * (k * part.count + i));
  if (part.at[a] === NOWHERE || part.at[b] === NOWHERE) return null;
  return [0, 1].map(j => ((1 - share) * part.at[a + j] + share * part.at[b + j]) / 10);
}

function show(frame) {
  for (const part of moving) {
    let line = '', up = true;
    for (let i = 0; i < part.count; i++) {
      const spot = place(part, frame, i), dot = part.dots[i];
      if (dot) {
        dot.style.visibility = spot ? 'visible' : 'hidden';
        if (spot) { dot.setAttribute('x', spot[0]); dot.setAttribute('y', spot[1]); }
      }
      if (part.line && spot) line += `${up ? 'M' : 'L'}${spot[0].toFixed(2)} ${spot[1].toFixed(2)}`;
      up = !spot;
    }
    if (part.line && part.path) part.path.setAttribute('d', line);
  }
}

function settle(frame) {
  slider.value = frame;
  said.textContent = captions[frame];
  slider.setAttribute('aria-valuetext', captions[frame]);
  show(frame);
}

let playing = 0;
function pause() {
  cancelAnimationFrame(playing);
  playing = 0;
  button.setAttribute('aria-label', 'Play');
  icon.setAttribute('d', 'M3 1 L13 7 L3 13 Z');
}
function play() {
  const from = +slider.value >= last ? 0 : +slider.value;
  const each = Math.max(FRAME_MS * Math.min(1, 40 / last), 60);
  let begin = null;
  button.setAttribute('aria-label', 'Pause');
  icon.setAttribute('d', 'M2 1 H5 V13 H2 Z M9 1 H12 V13 H9 Z');
  const tick = now => {
    begin ??= now;
    const frame = Math.min(from + (now - begin) / each, last);
    settle(Math.floor(frame));
    if (!still.matches) show(frame);
    if (frame >= last) pause();
    else playing = requestAnimationFrame(tick);
  };
  playing = requestAnimationFrame(tick);
}
button.addEventListener('click', () => (playing ? pause() : play()));
slider.addEventListener('input', () => { pause(); settle(+slider.value); });

// On paper nothing moves: the first frame is printed, from which a reader can follow the caption.
const paper = matchMedia('print');
let resting = null;
function print(begins) {
  if (begins === (resting !== null)) return;
  pause();
  const frame = begins ? 0 : resting;
  resting = begins ? +slider.value : null;
  settle(frame);
}
paper.addEventListener('change', () => print(paper.matches));
addEventListener('beforeprint', () => print(true));
addEventListener('afterprint', () => print(false));

slider.max = last;
said.style.flexBasis = `${Math.max(...captions.map(text => text.length))}ch`;
slider.setAttribute('aria-label', label);
form.hidden = false;
settle(last);
document.documentElement.dataset.ready = '';

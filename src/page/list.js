// All targets: a row each, found by search and by state. A row that did not change is not touched.
import {bar, hasCount} from './bar.js';
import {h, onceAFrame, setAttribute, setText} from './dom.js';
import {model, subscribe} from './model.js';
import {sentence} from './words.js';

const rows = new Map(); // by name
const shownStates = new Set(); // empty: all
let searched = '';
let selected = null;

const list = document.getElementById('list');
const chips = document.getElementById('states');
const none = document.getElementById('no-targets');

// What needs a look comes first.
const stateOrder = ['failed', 'unknown', 'scaling', 'draining', 'postponed', 'paused', 'pinned', 'drained', 'idle'];

export const addressOf = (name) => `#/target/${encodeURIComponent(name)}`;

/** Blocked is no state of its own in the API, but it is what people look for. */
export function toneOf(target) {
  if (target.state === 'failed' || target.state === 'unknown') return 'bad';
  if (target.decision?.outcome === 'blocked') return 'wait';
  return target.state === 'idle' || target.state === 'drained' ? 'good' : target.state === 'scaling' ? 'busy' : 'wait';
}

export function badge(target) {
  return h('span', {class: 'badge', dataset: {tone: toneOf(target)}}, target.state);
}

/** Nothing is changed, whatever else is shown. */
export function dryBadge() {
  return h('span', {class: 'badge', dataset: {tone: 'wait'}, hidden: true, title: 'Decided and recorded, and nothing is changed'}, 'dry run');
}

function makeRow(name) {
  const parts = {
    name: h('span', {class: 'name'}), backend: h('span', {class: 'soft backend'}), count: h('b'), bounds: h('span', {class: 'soft'}),
    dry: dryBadge(), badge: h('span', {class: 'badge'}), bar: bar(), why: h('span', {class: 'why'}), alerts: h('span', {class: 'soft alerts'}),
  };
  const link = h('a', {href: addressOf(name), class: 'row'},
    h('span', {class: 'row-head'}, parts.name, parts.backend, parts.alerts,
      h('span', {class: 'count'}, parts.count, parts.bounds, ' ', parts.dry, parts.badge)), parts.bar, parts.why);
  return {element: h('li', {}, link), link, parts, target: null, text: ''};
}

function textOf(target) {
  const alerts = target.alerts.map((alert) => Object.values(alert.labels).join(' '));
  return [target.name, target.backend, ...Object.values(target.ref), target.state, ...alerts].join('\n').toLowerCase();
}

function updateRow(row, target) {
  if (row.target === target) return;
  const before = row.target;
  row.target = target;
  row.text = textOf(target);
  const {parts} = row;
  setText(parts.name, target.name);
  setText(parts.backend, target.backend);
  setText(parts.count, target.observed === null ? '–' : target.ready === target.observed
    ? String(target.observed) : `${target.ready}/${target.observed}`);
  setText(parts.bounds, !hasCount(target) ? '' : ` of ${target.min}–${target.max}`);
  parts.dry.hidden = !target.dry_run;
  setText(parts.badge, target.state);
  setAttribute(parts.badge, 'data-tone', toneOf(target));
  setText(parts.alerts, target.alerts.length ? `${target.alerts.length} firing` : '');
  parts.bar.update(target);
  const said = target.decision?.text || target.error || 'not looked at yet';
  const saidBefore = before && (before.decision?.text || before.error || 'not looked at yet');
  if (said !== saidBefore) parts.why.replaceChildren(...sentence(said));
}

function matches(row) {
  if (shownStates.size > 0 && !shownStates.has(row.target.state)) return false;
  return searched.split(/\s+/).every((word) => row.text.includes(word));
}

// To show or hide a row makes the browser lay it out anew; so many of them fit into a frame.
const changesAFrame = 60;

function filter() {
  let shown = 0;
  let changes = 0;
  for (const row of rows.values()) {
    const match = matches(row);
    if (match) ++shown;
    if (row.element.hidden === match && ++changes <= changesAFrame) row.element.hidden = !match;
  }
  none.hidden = shown > 0 || model.status === null; // nothing is known
  setText(none, rows.size === 0 ? 'No target is configured.' : `None of ${rows.size} targets fits the search.`);
  if (changes > changesAFrame) narrow();
}

const narrow = onceAFrame(filter);

function updateChips() {
  const counts = new Map();
  for (const target of model.targets.values()) counts.set(target.state, (counts.get(target.state) ?? 0) + 1);
  const states = stateOrder.filter((state) => counts.has(state) || shownStates.has(state));
  const there = new Map([...chips.children].map((chip) => [chip.dataset.state, chip]));
  for (const [state, chip] of there) if (!states.includes(state)) chip.remove();
  states.forEach((state, i) => {
    let chip = there.get(state);
    if (!chip) chip = h('button', {type: 'button', class: 'chip', dataset: {state}, onclick: () => toggle(state)});
    setText(chip, `${state} ${counts.get(state) ?? 0}`);
    setAttribute(chip, 'aria-pressed', String(shownStates.has(state)));
    if (chips.children[i] !== chip) chips.insertBefore(chip, chips.children[i] ?? null);
  });
}

function toggle(state) {
  if (!shownStates.delete(state)) shownStates.add(state);
  update();
}

const update = onceAFrame(() => {
  const names = [...model.targets.keys()];
  for (const [name, row] of rows) {
    if (model.targets.has(name)) continue;
    row.element.remove();
    rows.delete(name);
  }
  names.forEach((name, i) => {
    let row = rows.get(name);
    if (!row) rows.set(name, row = makeRow(name));
    updateRow(row, model.targets.get(name));
    if (list.children[i] !== row.element) list.insertBefore(row.element, list.children[i] ?? null);
  });
  if (model.line !== 'connecting') setAttribute(list, 'aria-busy', 'false');
  updateChips();
  filter();
  mark();
});

// The row of what is shown is brought into sight once, when there is one.
let sought = false;
function mark() {
  const row = rows.get(selected);
  if (sought && row) {
    sought = false;
    if (row.element.offsetParent) row.element.scrollIntoView({block: 'nearest'});
  }
  for (const [name, row] of rows) setAttribute(row.link, 'aria-current', name === selected ? 'true' : null);
}

export function select(name) {
  selected = name;
  sought = name !== null;
  mark();
}

export function start() {
  document.getElementById('search').addEventListener('input', (event) => {
    searched = event.target.value.trim().toLowerCase();
    narrow();
  });
  subscribe((what) => {
    if (what === 'targets' || what === 'line' || what.target) update();
  });
}

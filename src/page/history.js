// What was done, newest first: for all targets, and for one.
import {h, onceAFrame, setText} from './dom.js';
import {addressOf} from './list.js';
import {loadOlder, model, subscribe} from './model.js';
import {actionWord, ago, causeText, labelText, outcomeWord, took} from './words.js';

function toneOf(entry) {
  if (entry.outcome === 'failed' || entry.outcome === 'timeout') return 'bad';
  return entry.outcome === 'done' ? 'good' : 'wait';
}

/** One action as a list item; `named`: with its target. */
export function entryItem(entry, named) {
  const labels = entry.cause?.labels ? labelText(entry.cause.labels, ['alertname', 'scale_target', 'scale_action']) : '';
  const what = entry.node ? `${actionWord[entry.action] ?? entry.action} ${entry.node}`
    : `${actionWord[entry.action] ?? entry.action} ${entry.from} → ${entry.to}`;
  return h('li', {class: 'entry', dataset: {id: entry.id}},
    h('span', {class: 'when soft'}, ago(Date.parse(entry.time))),
    h('span', {class: 'what'},
      named && h('a', {href: addressOf(entry.target), class: 'name'}, entry.target), named && ' ', what),
    h('span', {class: 'badge', dataset: {tone: toneOf(entry)}}, outcomeWord[entry.outcome] ?? entry.outcome ?? 'under way'),
    h('span', {class: 'cause'}, causeText(entry.cause), labels && h('span', {class: 'soft labels'}, ` ${labels}`),
      entry.duration_seconds !== null && h('span', {class: 'soft'}, ` · took ${took(entry.duration_seconds)}`)),
    entry.error && h('span', {class: 'error'}, entry.error));
}

const list = document.getElementById('history-list');
const none = document.getElementById('no-history');
const more = document.getElementById('history-more');
const outcome = document.getElementById('history-outcome');
const search = document.getElementById('history-search');

function matches(entry) {
  if (outcome.value && entry.outcome !== outcome.value) return false;
  const text = [entry.target, entry.node ?? '', entry.action, entry.outcome, entry.error, causeText(entry.cause),
    ...Object.values(entry.cause?.labels ?? {})].join('\n').toLowerCase();
  return search.value.trim().toLowerCase().split(/\s+/).every((word) => text.includes(word));
}

const items = new Map(); // by id

const update = onceAFrame(() => {
  const shown = model.history.filter(matches);
  const ids = new Set(shown.map((entry) => entry.id));
  for (const [id, item] of items) {
    if (ids.has(id)) continue;
    item.remove();
    items.delete(id);
  }
  shown.forEach((entry, i) => {
    let item = items.get(entry.id);
    if (!item) items.set(entry.id, item = entryItem(entry, true));
    if (list.children[i] !== item) list.insertBefore(item, list.children[i] ?? null);
  });
  none.hidden = shown.length > 0 || model.status === null; // nothing is known
  setText(none, model.history.length === 0 ? 'Nothing yet.' : 'Nothing of what is loaded fits the search.');
  more.hidden = model.historyEnds || model.history.length === 0;
});

export function start() {
  outcome.addEventListener('change', update);
  search.addEventListener('input', update);
  more.addEventListener('click', async () => {
    more.disabled = true;
    try {
      await loadOlder();
    } catch (error) {
      setText(none, `The history cannot be read: ${error.message}`);
      none.hidden = false;
    }
    more.disabled = false;
  });
  subscribe((what) => {
    if (what === 'history' || what === 'line') update();
  });
}

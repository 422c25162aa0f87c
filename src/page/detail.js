// One target in full.
import {bar, countText, hasCount} from './bar.js';
import {chart} from './chart.js';
import {controls} from './controls.js';
import {h, onceAFrame, setText} from './dom.js';
import {entryItem} from './history.js';
import {badge, dryBadge, toneOf} from './list.js';
import {historyOf, model, subscribe} from './model.js';
import {ago, countdown, labelText, sentence, timeOfDay} from './words.js';

const pane = document.getElementById('detail');
const entriesMax = 50;
const spans = [1, 6, 24, 72];
const chartWidth = 640; // while it is not laid out

let shown = null; // {name, parts, target, entries, hours}

function facts(target) {
  const rows = Object.entries(target.ref).map(([key, value]) => [key, value]);
  const now = Date.now();
  for (const [word, until] of [['up cooldown', target.up_cooldown_until], ['down cooldown', target.down_cooldown_until]]) {
    if (until && Date.parse(until) > now) rows.push([word, ['ends ', countdown(Date.parse(until), 'now')]]);
  }
  if (target.pin) rows.push(['pin', [`${target.pin.replicas} by ${target.pin.user}, ends `, countdown(Date.parse(target.pin.until))]]);
  if (target.pause) {
    rows.push(['paused', [`by ${target.pause.user}, `,
      ...(target.pause.until ? ['ends ', countdown(Date.parse(target.pause.until))] : ['until resumed'])]]);
  }
  if (target.floor) rows.push(['floor', `${target.floor.current} of ${target.floor.owner} (its own: ${target.floor.original})`]);
  return rows.map(([key, value]) => h('div', {}, h('dt', {}, key), h('dd', {}, value)));
}

/** Only what a browser follows to a page: an alert's labels may say anything. */
function safeLink(url) {
  try {
    const parsed = new URL(url);
    return parsed.protocol === 'https:' || parsed.protocol === 'http:' ? parsed.href : null;
  } catch {
    return null;
  }
}

function alertItem(alert) {
  const generator = safeLink(alert.generatorURL);
  const name = alert.labels.alertname || alert.fingerprint;
  const summary = alert.annotations.summary || alert.annotations.description || '';
  return h('li', {class: 'alert', dataset: {action: alert.action}},
    h('span', {class: 'badge', dataset: {tone: alert.action === 'hold' ? 'wait' : 'busy'}}, alert.action),
    generator ? h('a', {href: generator, target: '_blank', rel: 'noreferrer noopener'}, name) : h('span', {class: 'name'}, name),
    h('span', {class: 'soft'}, ' since ', timeOfDay(Date.parse(alert.startsAt)), ', ', ago(Date.parse(alert.startsAt)), ` · ${alert.source}`),
    summary && h('span', {class: 'summary'}, summary),
    h('code', {class: 'labels soft'}, labelText(alert.labels)));
}

function nodeItem(node) {
  const tone = node.state === 'failed' ? 'bad' : node.state === 'idle' ? 'good' : 'wait';
  return h('li', {class: 'node'}, h('span', {class: 'name'}, node.name),
    h('span', {class: 'badge', dataset: {tone}}, node.state), h('span', {class: 'why'}, sentence(node.text ?? '')));
}

function build(target) {
  const parts = {
    state: h('span'), dry: dryBadge(), bar: bar(), count: h('p', {class: 'count-text'}), why: h('p', {class: 'why big'}),
    error: h('p', {class: 'error'}), note: h('p', {class: 'soft'}), alerts: h('ul', {class: 'plain'}),
    nodes: h('ul', {class: 'plain'}), facts: h('dl', {class: 'facts'}), chart: h('div', {class: 'chart-place'}),
    entries: h('ol', {class: 'entries'}), hours: h('select', {id: 'hours'}, spans.map((hours) =>
      h('option', {value: hours, selected: hours === shown.hours}, hours === 1 ? 'last hour' : `last ${hours} hours`))),
    controls: hasCount(target) ? controls(target) : null,
  };
  parts.nodesTitle = h('h3', {}, 'Nodes');
  parts.hours.addEventListener('change', () => {
    shown.hours = Number(parts.hours.value);
    read();
  });
  pane.replaceChildren(
    h('div', {class: 'pane-head'}, h('a', {href: '#/', class: 'back'}, '← All targets'),
      h('h2', {id: 'detail-title', tabindex: -1}, target.name), h('span', {class: 'soft'}, target.backend), parts.dry, parts.state),
    h('div', {class: 'inside'}, parts.bar, parts.count, parts.why, parts.error, parts.note, parts.controls,
      parts.nodesTitle, parts.nodes,
      h('h3', {}, 'Firing alerts'), parts.alerts,
      h('div', {class: 'chart-head'}, h('h3', {}, 'Replicas'), h('label', {}, h('span', {class: 'visually-hidden'}, 'Time shown'), parts.hours)),
      parts.chart, parts.facts, h('h3', {}, 'What was done'), parts.entries));
  return parts;
}

const showTarget = onceAFrame(() => {
  if (!shown) return;
  const target = model.targets.get(shown.name);
  if (!target) {
    if (model.line === 'live' || model.line === 'polling') {
      shown.parts = null;
      pane.replaceChildren(h('div', {class: 'pane-head'}, h('a', {href: '#/', class: 'back'}, '← All targets'),
        h('h2', {id: 'detail-title', tabindex: -1}, shown.name)),
      h('p', {class: 'inside'}, 'No target of this name is configured.'));
    }
    return;
  }
  if (!shown.parts) shown.parts = build(target);
  const {parts} = shown;
  shown.target = target;
  const newBadge = badge(target);
  if (!parts.state.isEqualNode(newBadge)) {
    parts.state.replaceWith(newBadge);
    parts.state = newBadge;
  }
  parts.dry.hidden = !target.dry_run;
  parts.bar.update(target);
  setText(parts.count, `${countText(target)}.`);
  const said = target.decision?.text ?? 'Not looked at yet.';
  if (parts.said !== said) parts.why.replaceChildren(...sentence(said));
  parts.said = said;
  parts.why.dataset.tone = toneOf(target);
  const failed = target.error && target.error !== target.note ? target.error : '';
  setText(parts.error, failed);
  parts.error.hidden = !failed;
  setText(parts.note, target.note);
  parts.note.hidden = !target.note;
  parts.controls?.update(target);
  parts.facts.replaceChildren(...facts(target));
  const alerts = JSON.stringify(target.alerts.map((alert) => ({...alert, last_seen: 0})));
  if (parts.shownAlerts !== alerts) {
    parts.alerts.replaceChildren(...(target.alerts.length ? target.alerts.map(alertItem) : [h('li', {class: 'soft'}, 'None.')]));
  }
  parts.shownAlerts = alerts;
  parts.nodes.hidden = parts.nodesTitle.hidden = !target.nodes || (hasCount(target) && target.nodes.length === 0);
  if (target.nodes) parts.nodes.replaceChildren(...target.nodes.map(nodeItem));
  showHistory();
});

function showHistory() {
  if (!shown?.parts || !shown.entries) return;
  const {parts, entries, target, hours} = shown;
  parts.chart.replaceChildren(chart(target, entries, hours, parts.chart.clientWidth || chartWidth));
  const items = entries.slice(0, entriesMax).map((entry) => entryItem(entry, false));
  parts.entries.replaceChildren(...(items.length ? items : [h('li', {class: 'soft'}, 'Nothing in this time.')]));
}

async function read() {
  const {name, hours} = shown;
  let entries;
  try {
    entries = await historyOf(name, hours);
  } catch (error) {
    entries = [];
    if (error.status !== 404 && shown?.parts) shown.parts.chart.replaceChildren(h('p', {class: 'error'}, error.message));
  }
  if (shown?.name !== name || shown.hours !== hours) return;
  shown.entries = entries;
  showTarget();
}

/** `name` null: none. */
export function show(name) {
  pane.hidden = name === null;
  if (name === null) {
    shown = null;
    pane.replaceChildren();
    return;
  }
  if (shown?.name === name) return;
  shown = {name, parts: null, target: null, entries: null, hours: 6};
  pane.replaceChildren();
  read();
  showTarget();
}

export function focus() {
  document.getElementById('detail-title')?.focus();
}

export function start() {
  subscribe((what) => {
    if (!shown) return;
    if (what === 'targets' || what === 'line' || what.target === shown.name) showTarget();
    if (what === 'history' && model.history.some((entry) => entry.target === shown.name &&
      !shown.entries?.some((known) => known.id === entry.id))) read();
  });
  // The chart's right edge is now.
  addEventListener('resize', onceAFrame(showHistory));
  setInterval(() => { if (shown?.entries && !document.hidden) showHistory(); }, 30e3);
}

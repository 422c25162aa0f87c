// A target's count over the last hours, as its actions tell it. Between two actions the count is what the first one
// left; where the next one found another count, somebody else had changed it at a time that we do not know: a dashed
// line leads there.
import {hasCount} from './bar.js';
import {svg} from './dom.js';
import {actionWord, causeText, fullTime, outcomeWord, serverNow, timeOfDay} from './words.js';

const height = 190;
const margin = {left: 34, right: 12, top: 12, bottom: 24};
const moved = new Set(['done', 'timeout']);

/** Points {at, count, sure} in the order of time, from `since` to now. `entries`: newest first. */
export function steps(entries, observed, since, now) {
  const points = [];
  const inOrder = entries.filter((entry) => entry.outcome !== 'dry_run').reverse();
  const add = (at, count, sure = true) => points.push({at: Math.max(at, since), count, sure});
  if (inOrder.length === 0) {
    if (observed !== null) add(since, observed);
  } else {
    add(since, inOrder[0].from);
  }
  for (const entry of inOrder) {
    const begun = Date.parse(entry.time);
    const last = points.at(-1);
    if (last && last.count !== entry.from) add(begun, entry.from, false);
    if (moved.has(entry.outcome)) add(begun + (entry.duration_seconds ?? 0) * 1000, entry.to);
  }
  const last = points.at(-1);
  if (last) {
    if (observed !== null && last.count !== observed) add(now, observed, false);
    else add(now, last.count);
  }
  return points;
}

function niceTicks(top) {
  const step = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000].find((s) => top / s <= 5) ?? top;
  const ticks = [];
  for (let tick = 0; tick <= top; tick += step) ticks.push(tick);
  return ticks;
}

function timeTicks(since, now, most) {
  const lengths = [5, 10, 15, 30, 60, 120, 240, 480].map((minutes) => minutes * 60e3);
  const step = lengths.find((length) => (now - since) / length <= most) ?? lengths.at(-1);
  const offset = new Date(now).getTimezoneOffset() * 60e3;
  const ticks = [];
  for (let at = Math.ceil((since - offset) / step) * step + offset; at < now; at += step) ticks.push(at);
  return ticks;
}

const labelWidth = 36; // of a time, in pixels
const clock = new Intl.DateTimeFormat(undefined, {hour: '2-digit', minute: '2-digit', hourCycle: 'h23'});

function marker(entry, x, y) {
  const tone = entry.outcome === 'failed' || entry.outcome === 'timeout' ? 'bad' : entry.outcome === 'done' ? 'good' : 'wait';
  const title = `${timeOfDay(Date.parse(entry.time))}: ${actionWord[entry.action] ?? entry.action} ${entry.from} → ${entry.to}, ` +
    `${outcomeWord[entry.outcome] ?? entry.outcome}, ${causeText(entry.cause)}${entry.error ? `: ${entry.error}` : ''}`;
  const shape = entry.to > entry.from ? 'M0 -6 L5.5 4 L-5.5 4 Z' : entry.to < entry.from ? 'M0 6 L5.5 -4 L-5.5 -4 Z' : 'M-4 -4 H4 V4 H-4 Z';
  return svg('path', {d: shape, transform: `translate(${x} ${y})`, class: `moment ${tone}`}, svg('title', {}, title));
}

/** As wide as `width` pixels. `all`: newest first. */
export function chart(target, all, hours, width) {
  // Where replicas are nodes, what is done to one of them leaves their count as it is.
  const entries = hasCount(target) ? all.filter((entry) => !entry.node) : all;
  const now = serverNow();
  const since = now - hours * 3600e3;
  const points = steps(entries, target.observed, since, now);
  const top = Math.max(target.max, ...points.map((point) => point.count), 1);
  const x = (at) => margin.left + ((at - since) / (now - since)) * (width - margin.left - margin.right);
  const y = (count) => height - margin.bottom - (count / top) * (height - margin.top - margin.bottom);
  const right = width - margin.right;

  const grid = niceTicks(top).map((tick) => [
    svg('line', {class: 'grid', x1: margin.left, x2: right, y1: y(tick), y2: y(tick)}),
    svg('text', {class: 'axis', x: margin.left - 8, y: y(tick) + 4, 'text-anchor': 'end'}, String(tick)),
  ]);
  const times = timeTicks(since, now, width / 80).filter((at) => x(at) < width - labelWidth / 2).map((at) =>
    svg('text', {class: 'axis', x: x(at), y: height - 6, 'text-anchor': 'middle'}, clock.format(new Date(at))));
  const bounds = !hasCount(target) ? [] : [['min', target.min], ['max', target.max]].map(([word, count]) =>
    svg('line', {class: 'bound', x1: margin.left, x2: right, y1: y(count), y2: y(count)}, svg('title', {}, `${word} ${count}`)));

  let line = '';
  const unsure = [];
  points.forEach((point, i) => {
    const before = points[i - 1];
    if (!before) line += `M${x(point.at)} ${y(point.count)}`;
    else if (point.sure) line += `H${x(point.at)}V${y(point.count)}`;
    else {
      unsure.push(`M${x(before.at)} ${y(before.count)}L${x(point.at)} ${y(point.count)}`);
      line += `M${x(point.at)} ${y(point.count)}`;
    }
  });
  const moments = entries.filter((entry) => Date.parse(entry.time) >= since)
    .map((entry) => marker(entry, x(Date.parse(entry.time)), y(entry.from)));
  const label = `Replicas of ${target.name} in the last ${hours} h: ${entries.length} actions` +
    (points.length ? `, from ${points[0].count} at ${fullTime(since)} to ${points.at(-1).count} now` : '');
  return svg('svg', {class: 'chart', viewBox: `0 0 ${width} ${height}`, role: 'img', 'aria-label': label},
    grid, bounds, svg('path', {class: 'unsure', d: unsure.join('')}), svg('path', {class: 'count-line', d: line}), times, moments);
}

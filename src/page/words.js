// Times, counts and sentences for people.
import {h, setText} from './dom.js';

const clock = new Intl.DateTimeFormat(undefined, {hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23'});
const day = new Intl.DateTimeFormat(undefined, {month: 'short', day: 'numeric', hour: '2-digit', minute: '2-digit', hourCycle: 'h23'});
const full = new Intl.DateTimeFormat(undefined, {dateStyle: 'medium', timeStyle: 'long'});

/** How far the server's clock is ahead of the browser's, in ms: countdowns end when the server's do. */
let ahead = 0;
export function setServerTime(date) {
  const now = Date.parse(date);
  // The header Date has whole seconds: half of one is the best guess.
  if (!Number.isNaN(now)) ahead = now + 500 - Date.now();
}
export const serverNow = () => Date.now() + (Math.abs(ahead) > 2000 ? ahead : 0);

/** "18 s", "4 min 10 s", "2 h 5 min", "3 d 4 h" */
export function duration(ms) {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return seconds % 60 && minutes < 10 ? `${minutes} min ${seconds % 60} s` : `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return minutes % 60 ? `${hours} h ${minutes % 60} min` : `${hours} h`;
  return hours % 24 ? `${Math.floor(hours / 24)} d ${hours % 24} h` : `${Math.floor(hours / 24)} d`;
}

/** Of an action: "0.3 s", "2 min". */
export function took(seconds) {
  if (seconds === null) return '';
  return seconds < 10 ? `${Math.round(seconds * 10) / 10} s` : duration(seconds * 1000);
}

export function timeOfDay(ms) {
  const date = new Date(ms);
  return Math.abs(serverNow() - ms) < 20 * 3600e3 ? clock.format(date) : day.format(date);
}
export const fullTime = (ms) => full.format(new Date(ms));
export const plural = (count, one, many = `${one}s`) => `${count} ${count === 1 ? one : many}`;

// ---- elements whose text changes as time goes by ----
const ticking = new Set();

/** "in 18 s" until it is over; `over` is shown then. */
export function countdown(until, over = 'now') {
  const element = h('time', {datetime: new Date(until).toISOString(), title: fullTime(until), class: 'countdown'});
  element.tick = (now) => setText(element, until > now ? `in ${duration(until - now)}` : over);
  return start(element);
}

/** "3 min ago" */
export function ago(at) {
  const element = h('time', {datetime: new Date(at).toISOString(), title: fullTime(at)});
  element.tick = (now) => setText(element, now - at < 5000 ? 'just now' : `${coarse(now - at)} ago`);
  return start(element);
}

function coarse(ms) {
  return ms < 60e3 ? duration(Math.floor(ms / 5000) * 5000) : duration(Math.floor(ms / 60e3) * 60e3);
}

function start(element) {
  element.tick(serverNow());
  ticking.add(new WeakRef(element));
  return element;
}

setInterval(() => {
  const now = serverNow();
  for (const reference of ticking) {
    const element = reference.deref();
    if (!element) ticking.delete(reference);
    else if (element.isConnected) element.tick(now);
  }
}, 1000);

// ---- sentences ----
const rfc3339 = /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z/g;

/** The server's sentence as nodes: its arrow as an arrow, and each time in it as a time of day with a countdown. */
export function sentence(text) {
  const nodes = [];
  const shown = text.replaceAll(' -> ', ' → ');
  let from = 0;
  for (const match of shown.matchAll(rfc3339)) {
    const at = Date.parse(match[0]);
    nodes.push(`${shown.slice(from, match.index)}${timeOfDay(at)}`);
    if (at > serverNow()) nodes.push(' (', countdown(at), ')');
    from = match.index + match[0].length;
  }
  nodes.push(shown.slice(from));
  return nodes;
}

export const actionWord = {
  up: 'scaled up', down: 'scaled down', to: 'scaled', drain: 'drained', restore: 'restored', manual: 'scaled by hand',
};
export const outcomeWord = {
  done: 'done', failed: 'failed', timeout: 'timed out', dry_run: 'dry run', interrupted: 'interrupted',
};

/** Who or what asked for an action. */
export function causeText(cause) {
  if (!cause) return 'the alerts had ended';
  if (cause.manual) return `by ${cause.manual.user}`;
  return cause.alertname || `alert ${cause.fingerprint}`;
}

/** {a="b", …} without the name and what is said elsewhere. */
export function labelText(labels, without = ['alertname']) {
  const rest = Object.entries(labels).filter(([name]) => !without.includes(name));
  return rest.map(([name, value]) => `${name}="${value}"`).join(', ');
}

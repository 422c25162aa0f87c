// The program's HTTP interface: requests, who we are, and the stream of events.
import {setServerTime} from './words.js';

const tokenKey = 'alertscaler.token';
// What no token has and no header carries: it was copied along, and often is not to be seen.
const clean = (value) => value.replace(/[^\x21-\x7e]/g, '');
let token = clean(sessionStorage.getItem(tokenKey) ?? '');

/** Kept until the tab is closed. */
export function setToken(value) {
  token = clean(value);
  sessionStorage.setItem(tokenKey, token);
}

export class ApiError extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

function headers(more = {}) {
  return token ? {...more, Authorization: `Bearer ${token}`} : more;
}

async function answerOf(response) {
  setServerTime(response.headers.get('Date'));
  const text = await response.text();
  let body = null;
  try {
    body = JSON.parse(text);
  } catch {
    // a proxy in between may answer in its own words
  }
  if (!response.ok) throw new ApiError(response.status, body?.error ?? `${response.status} ${response.statusText}`);
  if (body?.status !== 'success') throw new ApiError(response.status, 'the answer is not alertscaler’s');
  return body;
}

async function send(path, options) {
  let response;
  try {
    response = await fetch(path, {cache: 'no-store', ...options});
  } catch (error) {
    throw new ApiError(0, `no answer from alertscaler (${error.message})`);
  }
  return answerOf(response);
}

export async function get(path) {
  return (await send(path, {headers: headers()})).data;
}

/** The whole envelope: `data`, and `warnings` when there are any. */
export function change(method, path, body) {
  return send(path, {method, headers: headers({'Content-Type': 'application/json'}), body: JSON.stringify(body)});
}

// The server says something at least every 15 s.
const silenceMax = 40e3;
const retryMin = 500;
const retryMax = 15e3;

/**
 * Follows the events for ever. `on.open` when the line is up, `on.alive()` whenever something came, `on.event(name, data)`,
 * `on.lost(error)` when it is down; what happened while it was down is told by the server as the event `reset`.
 */
export async function follow(on) {
  let lastId = '';
  let wait = retryMin;
  for (;;) {
    const mine = token;
    try {
      await listen(lastId, {...on, open: () => { wait = retryMin; on.open(); }}, (id) => { lastId = id; });
      on.lost(new ApiError(0, 'the server ended the connection'));
    } catch (error) {
      const outdated = error.status === 401 && token !== mine; // another was given meanwhile
      on.lost(error instanceof ApiError && !outdated ? error : new ApiError(0, 'the connection is lost'));
      if (error.status === 401 && !outdated) return;
    }
    await woken(wait * (0.75 + Math.random() / 2));
    wait = Math.min(wait * 2, retryMax);
  }
}

/** A pause that ends early when the network or the reader comes back. */
function woken(ms) {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      removeEventListener('online', end);
      document.removeEventListener('visibilitychange', seen);
      resolve();
    };
    const seen = () => { if (!document.hidden) end(); };
    const timer = setTimeout(end, ms);
    addEventListener('online', end);
    document.addEventListener('visibilitychange', seen);
  });
}

async function listen(lastId, on, setId) {
  const abort = new AbortController();
  let guard = setTimeout(() => abort.abort(), silenceMax);
  const alive = () => {
    on.alive();
    clearTimeout(guard);
    guard = setTimeout(() => abort.abort(), silenceMax);
  };
  try {
    // Not an EventSource: that cannot say who we are.
    const response = await fetch('api/v1/events', {
      headers: headers(lastId ? {'Last-Event-ID': lastId} : {}), cache: 'no-store', signal: abort.signal,
    });
    if (!response.ok) await answerOf(response);
    setServerTime(response.headers.get('Date'));
    on.open();
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = '';
    for (;;) {
      const {value, done} = await reader.read();
      if (done) return;
      alive();
      const blocks = (rest + value).split('\n\n');
      rest = blocks.pop();
      for (const block of blocks) tell(block, on, setId);
    }
  } finally {
    clearTimeout(guard);
    abort.abort();
  }
}

function tell(block, on, setId) {
  let name = 'message';
  const data = [];
  for (const line of block.split('\n')) {
    if (line.startsWith('id: ')) setId(line.slice(4));
    else if (line.startsWith('event: ')) name = line.slice(7);
    else if (line.startsWith('data: ')) data.push(line.slice(6));
  }
  if (data.length > 0) on.event(name, JSON.parse(data.join('\n')));
}

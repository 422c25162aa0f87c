// What is known of the program: filled from the API, kept true by its events.
import * as api from './api.js';
import {serverNow} from './words.js';

export const model = {
  targets: new Map(), // by name
  history: [], // newest first, without gaps down to its last entry
  historyEnds: false, // there is nothing older
  status: null,
  line: 'connecting', // connecting; live: told of every change; polling: asked now and then; lost
  seenAt: 0, // when what is shown was last known to be true
  problem: '', // why the line is lost
  refused: false, // somebody answers, and says no
  mayChange: true, // the program says it, and nobody else
};

const listeners = new Set();
/** `hear(what)`: what is 'line', 'targets' (all of them), 'history', 'status', or {target: name}. */
export function subscribe(hear) {
  listeners.add(hear);
}
function tell(what) {
  for (const hear of listeners) hear(what);
}

const page = 100;
const historyMax = 10_000; // as the API has it

export async function load() {
  const [targets, history, status] = await Promise.all([
    api.get('api/v1/targets'), api.get(`api/v1/history?limit=${page}`), api.get('api/v1/status'),
  ]);
  model.targets = new Map(targets.map((target) => [target.name, target]));
  model.history = history;
  model.historyEnds = history.length < page;
  setStatus(status);
  tell('targets');
  tell('history');
  tell('status');
}

function setStatus(status) {
  model.status = status;
  model.mayChange = status.may_write;
}

export async function loadOlder() {
  const wanted = Math.min(model.history.length + page, historyMax);
  const history = await api.get(`api/v1/history?limit=${wanted}`);
  model.historyEnds = history.length < wanted || wanted === historyMax;
  model.history = history;
  tell('history');
}

export const historyOf = (name, hours) =>
  api.get(`api/v1/history?target=${encodeURIComponent(name)}&since=${hours}h&limit=2000`);

function setLine(state, problem = '') {
  model.line = state;
  model.problem = problem;
  tell('line');
}

function take(target) {
  const before = model.targets.get(target.name)?.pause ?? null;
  model.targets.set(target.name, target);
  if (JSON.stringify(target.pause) !== JSON.stringify(before)) readStatus(); // it may be that of all
  tell({target: target.name});
}

function onEvent(name, data) {
  if (name === 'target') {
    if (data.removed || !model.targets.has(data.name)) return void reload();
    take(data);
  } else if (name === 'history') {
    if (model.history.some((entry) => entry.id === data.id)) return;
    model.history.unshift(data);
    model.history.sort((a, b) => b.id - a.id);
    tell('history');
  } else if (name === 'reset') {
    reload();
  }
}

let told = false; // the stream of events is up
const pollAfter = 10e3;

/** `work` at most once at a time, and once more if it was asked for meanwhile. */
function oneAtATime(work) {
  let working = false;
  let again = false;
  return function run() {
    again = working;
    if (working) return;
    working = true;
    work().finally(() => {
      working = false;
      if (again) run();
    });
  };
}

/** Everything anew. */
export const reload = oneAtATime(() => load()
  .then(() => {
    model.seenAt = serverNow();
    setLine(told ? 'live' : 'polling', told ? '' : model.problem);
  })
  .catch((error) => lost(error)));

const readStatus = oneAtATime(() => api.get('api/v1/status')
  .then((status) => {
    setStatus(status);
    tell('status');
  })
  .catch(() => {})); // whether somebody answers is found out by who follows

function lost(error) {
  model.refused = error.status === 403;
  setLine('lost', error.message);
  if (error.status === 401) tell('unauthorized');
}

let following = false;
/** Follows the program until it says 401; to be called again after a token was given. */
export function follow() {
  if (following) return reload(); // it has not been refused itself, and goes on with the new token
  following = true;
  return api.follow({
    open: () => { told = true; },
    alive: () => { model.seenAt = serverNow(); },
    event: onEvent,
    lost: (error) => {
      told = false;
      lost(error);
      if (error.status !== 401) reload();
    },
  }).finally(() => { following = false; });
}

// When there is no place among the listeners.
setInterval(() => {
  if (model.line === 'polling') reload();
}, pollAfter);

// ---- changes; each gives the envelope, or throws an ApiError ----
async function change(method, path, body) {
  try {
    const answer = await api.change(method, path, body);
    const changed = Array.isArray(answer.data) ? answer.data : [answer.data];
    for (const target of changed) take(target);
    if (Array.isArray(answer.data)) readStatus(); // a pause of its own may hide that of all
    return answer;
  } catch (error) {
    if (error.status === 403) reload(); // who we are may have changed; a proxy's refusal says nothing about it
    throw error;
  }
}
const pathOf = (name, verb) => `api/v1/targets/${encodeURIComponent(name)}/${verb}`;

export const setReplicas = (name, replicas, pin) =>
  change('PUT', pathOf(name, 'replicas'), pin ? {replicas, pin} : {replicas});
/** `name` null: all targets. */
export const pause = (name, how) =>
  change('POST', name === null ? 'api/v1/pause' : pathOf(name, 'pause'), how ? {for: how} : {});
export const resume = (name) => change('POST', name === null ? 'api/v1/resume' : pathOf(name, 'resume'), {});

// Puts the page together: which part is shown, the line to the program, the theme.
import * as api from './api.js';
import {carryOut} from './controls.js';
import * as detail from './detail.js';
import {ask, durations} from './dialog.js';
import {h, setText} from './dom.js';
import * as history from './history.js';
import * as list from './list.js';
import * as model from './model.js';
import {ago} from './words.js';

const {model: known} = model;

// ---- which target is shown: #/target/NAME ----
function route() {
  const match = /^#\/target\/(.+)$/.exec(location.hash);
  let name = null;
  try {
    name = match ? decodeURIComponent(match[1]) : null;
  } catch {
    // not ours
  }
  document.body.dataset.view = name === null ? 'all' : 'one';
  list.select(name);
  detail.show(name);
  document.title = name === null ? 'alertscaler' : `${name} · alertscaler`;
  if (name !== null && matchMedia('(max-width: 899px)').matches) scrollTo(0, 0);
}

// ---- the line to the program ----
const line = document.getElementById('line');
const lineText = document.getElementById('line-text');
const banner = document.getElementById('banner');
const lineWords = {connecting: 'connecting', live: 'live', polling: 'every 10 s', lost: 'out of date'};
let wasLost = false;

function showLine() {
  line.dataset.state = known.line;
  setText(lineText, lineWords[known.line]);
  document.body.classList.toggle('stale', known.line === 'lost');
  const lost = known.line === 'lost';
  if (lost) {
    banner.replaceChildren(known.refused ? 'Refused: ' : 'No connection to alertscaler: ', known.problem, '. ',
      ...(known.seenAt ? ['What is shown was true ', ago(known.seenAt), '. '] : []), 'Trying again.');
  }
  banner.hidden = !lost;
  if (lost !== wasLost) say(lost ? 'The connection is lost' : 'Connected again');
  wasLost = lost;
}

// ---- who we are ----
let asking = false;
async function signIn() {
  if (asking) return;
  asking = true;
  const answer = await ask({
    title: 'A token is needed',
    text: 'alertscaler wants to know who you are: give one of the tokens of its bearer_token_file, or of its read_only_token_file if you only want to look. It is kept until this tab is closed.',
    fields: [h('label', {class: 'field'}, 'Token', h('input', {type: 'password', name: 'token', required: true, autocomplete: 'off'}))],
    yes: 'Continue', no: null,
  });
  asking = false;
  if (answer) api.setToken(answer.token);
  model.follow();
}

// ---- all targets ----
const pauseAll = document.getElementById('pause-all');
const allPaused = () => Boolean(known.status?.pause); // a target's own pause is not ended with it
pauseAll.addEventListener('click', async () => {
  const paused = allPaused();
  const answer = paused
    ? await ask({title: 'Resume all targets?', text: 'What alerts ask for now is done at once.', yes: 'Resume all'})
    : await ask({title: 'Pause all targets?', text: 'Alerts are still followed, but nothing is done until you resume.',
      fields: [durations('for', 'For', 'until resumed')], yes: 'Pause all', danger: true});
  if (!answer) return;
  const said = h('p', {class: 'said', role: 'status'});
  banner.replaceChildren(said);
  banner.hidden = false;
  await carryOut(said, paused ? 'Resume all' : 'Pause all', () => (paused ? model.resume(null) : model.pause(null, answer.for)));
  setTimeout(showLine, 5000);
});

// ---- theme ----
const themes = ['system', 'light', 'dark'];
const theme = document.getElementById('theme');
function showTheme(name) {
  if (name === 'system') delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = name;
  setText(theme, `Theme: ${name}`);
}
theme.addEventListener('click', () => {
  const next = themes[(themes.indexOf(localStorage.getItem('alertscaler.theme') ?? 'system') + 1) % themes.length];
  localStorage.setItem('alertscaler.theme', next);
  showTheme(next);
});
showTheme(localStorage.getItem('alertscaler.theme') ?? 'system');

// ---- for those who listen ----
const spoken = document.getElementById('spoken');
const say = (text) => setText(spoken, text);

model.subscribe((what) => {
  if (what === 'line') showLine();
  if (what === 'unauthorized') signIn();
  if (what === 'status') {
    setText(document.getElementById('version'), known.status.version);
    setText(pauseAll, allPaused() ? 'Resume all' : 'Pause all');
    pauseAll.hidden = !known.mayChange;
  }
  const entry = known.history[0];
  if (what === 'history' && entry && Date.now() - Date.parse(entry.time) < 60e3 && known.line === 'live') {
    say(`${entry.target}: ${entry.from} to ${entry.to}, ${entry.outcome}`);
  }
});

addEventListener('hashchange', () => {
  route();
  if (document.body.dataset.view === 'one') setTimeout(detail.focus);
});
addEventListener('keydown', (event) => {
  const typing = event.target.closest?.('input, select, textarea, dialog');
  if (event.key === '/' && !typing) {
    event.preventDefault();
    document.getElementById('search').focus();
  } else if (event.key === 'Escape' && !typing && document.body.dataset.view === 'one') {
    location.hash = '#/';
  }
});

list.start();
history.start();
detail.start();
route();
model.follow();

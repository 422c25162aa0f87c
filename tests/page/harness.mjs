// Starts what a test of the page needs: the program with a configuration of its own, and a browser.
import {spawn} from 'node:child_process';
import {once} from 'node:events';
import fs from 'node:fs';
import {createRequire} from 'node:module';
import os from 'node:os';
import path from 'node:path';

// Where tests/page/install put the packages; a folder outside of the tree.
const require = createRequire(`${process.env.ALERTSCALER_NODE_MODULES}/`);
export const {chromium} = require('playwright-core');
export const axePath = require.resolve('axe-core/axe.min.js');

const program = process.env.ALERTSCALER_BIN;
const screenshots = process.env.ALERTSCALER_SCREENSHOTS;

/** Waits until `check` gives something that is true, and gives it. */
export async function eventually(check, what, seconds = 60) {
  const end = Date.now() + seconds * 1000;
  for (;;) {
    const found = await check();
    if (found) return found;
    if (Date.now() > end) throw new Error(`not within ${seconds} s: ${what}`);
    await new Promise((resolve) => { setTimeout(resolve, 50); });
  }
}

/** The program, with these targets; `args` are further flags. It ends with `stop()`, and with this process. */
export class Program {
  constructor({targets, args = []}) {
    this.folder = fs.mkdtempSync(path.join(os.tmpdir(), 'as-page-'));
    this.args = args;
    this.port = 0;
    fs.writeFileSync(`${this.folder}/alertscaler.yml`, JSON.stringify({targets}));
  }

  async start() {
    const log = fs.openSync(`${this.folder}/log`, 'a');
    const begin = fs.fstatSync(log).size;
    this.process = spawn(program, ['serve', `--config.file=${this.folder}/alertscaler.yml`,
      `--storage.path=${this.folder}/data`, `--web.listen-address=127.0.0.1:${this.port}`, ...this.args], {stdio: ['ignore', log, log]});
    fs.closeSync(log);
    const listening = await eventually(() => /address=127\.0\.0\.1:(\d+)/.exec(
      fs.readFileSync(`${this.folder}/log`, 'utf8').slice(begin)), 'the program listens');
    this.port = Number(listening[1]);
    this.url = `http://127.0.0.1:${this.port}`;
    return this;
  }

  async kill(signal = 'SIGKILL') {
    if (this.process.exitCode !== null || this.process.signalCode !== null) return;
    const ended = once(this.process, 'exit');
    this.process.kill(signal);
    await ended;
  }

  async stop() {
    await this.kill('SIGTERM');
    fs.rmSync(this.folder, {recursive: true, force: true});
  }

  /** A notification with one alert, as Alertmanager sends it. */
  async alert(labels, {resolved = false, annotations = {}, generatorURL = '', token = ''} = {}) {
    const alert = {status: resolved ? 'resolved' : 'firing', labels, annotations, startsAt: new Date(Date.now() - 60e3).toISOString(),
      endsAt: resolved ? new Date().toISOString() : '0001-01-01T00:00:00Z', generatorURL};
    const answer = await fetch(`${this.url}/webhook`, {method: 'POST', headers: token ? {Authorization: `Bearer ${token}`} : {}, body: JSON.stringify({
      version: '4', groupKey: '{}:{}', status: alert.status, receiver: 'r', groupLabels: {}, commonLabels: {}, commonAnnotations: {},
      externalURL: '', alerts: [alert]})});
    if (!answer.ok) throw new Error(`the webhook answered ${answer.status}: ${await answer.text()}`);
  }

  async target(name) {
    return (await (await fetch(`${this.url}/api/v1/targets/${encodeURIComponent(name)}`)).json()).data;
  }
}

/** A browser for one file of tests. */
export const launch = (...args) => chromium.launch({executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox', ...args],
  timeout: 120e3});

/** An empty page in a context of its own, patient with a busy machine. */
export async function newPage(browser, options) {
  const page = await (await browser.newContext(options)).newPage();
  page.setDefaultTimeout(90e3);
  return page;
}

/** A page in a context of its own. What it complains about on its console is in `complaints`. */
export async function open(browser, url, {width = 1440, height = 900, scheme = 'light', live = true, ...more} = {}) {
  const page = await newPage(browser, {viewport: {width, height}, colorScheme: scheme, reducedMotion: 'reduce', ...more});
  page.complaints = [];
  page.on('console', (message) => { if (message.type() === 'error' || message.type() === 'warning') page.complaints.push(message.text()); });
  page.on('pageerror', (error) => page.complaints.push(String(error)));
  await page.goto(url);
  if (live) await page.locator('#line[data-state="live"]').waitFor();
  return page;
}

export async function screenshot(page, name) {
  if (!screenshots) return;
  fs.mkdirSync(screenshots, {recursive: true});
  await page.screenshot({path: path.join(screenshots, `${name}.png`)});
}

/** What axe finds wrong, as sentences. The page forbids inline scripts, so axe comes in through the debugger. */
export async function violations(page) {
  await page.evaluate(fs.readFileSync(axePath, 'utf8'));
  const result = await page.evaluate(() => globalThis.axe.run(document, {
    runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']}));
  return result.violations.map((v) => `${v.id}: ${v.help}: ${v.nodes.map((node) => node.html.slice(0, 200)).join(' | ')}`);
}

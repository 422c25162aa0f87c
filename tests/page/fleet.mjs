// A fleet at work, for the pictures of the README: everything that a target can be in is there.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import {Program, eventually, open, screenshot} from './harness.mjs';

const target = (name, more = {}) => ({name, simulated: {replicas: 2}, min: 1, max: 8, ...more});
const targets = (cooldown) => [
  target('api'), target('jobs'), target('mail', {min: 0}),
  target('checkout', {simulated: {replicas: 5}, down: {stabilization: '10m'}}),
  target('search', {simulated: {replicas: 3, startup_delay: '5m'}, timeout: '10m'}),
  target('web', {up: {cooldown}, down: {cooldown}, repeat: cooldown === '0s' ? 'once' : 'while_firing'}),
];

// What the alerts of an hour have made of `web`; the minutes before now at which it happened.
const hour = [['up', 58], ['up', 56], ['up', 51], ['down', 40], ['down', 35], ['up', 24], ['up', 22], ['down', 11], ['up', 0]];
const causes = {up: ['RequestRateHigh', '25 requests/s and replica, above 20'], down: ['RequestRateLow', '6 requests/s and replica, below 8']};

async function liveThroughTheHour(program) {
  for (const [at, [action]] of hour.entries()) {
    const labels = {alertname: causes[action][0], round: String(at), scale_target: 'web', scale_action: action};
    await program.alert(labels);
    await eventually(async () => (await program.target('web')).last_action?.id === at + 1, `${action} is done`);
    await program.alert(labels, {resolved: true});
  }
}

async function put(program, path, method, body) {
  const answer = await fetch(`${program.url}/api/v1/targets/${path}`, {method, body: JSON.stringify(body), headers: {'Content-Type': 'application/json'}});
  assert.ok(answer.ok, await answer.text());
}

/** The minutes of `hour` in place of the moments at which it really happened, one after the other. */
async function stretch(route) {
  const answer = await route.fetch();
  const {status, data} = await answer.json();
  const times = hour.map(([, minutes]) => new Date(Date.now() - minutes * 60e3).toISOString());
  const old = data.map((entry) => (entry.id <= times.length ? {...entry, time: times[entry.id - 1]} : entry));
  await route.fulfill({response: answer, json: {status, data: old}});
}

export async function pictures(browser) {
  const program = await new Program({targets: targets('0s')}).start();
  try {
    await liveThroughTheHour(program);
    fs.writeFileSync(`${program.folder}/alertscaler.yml`, JSON.stringify({targets: targets('40s')}));
    assert.ok((await fetch(`${program.url}/-/reload`, {method: 'POST'})).ok);
    await put(program, 'api/replicas', 'PUT', {replicas: 5, pin: '2h'});
    await put(program, 'jobs/pause', 'POST', {for: '1h'});
    await program.alert({alertname: 'Maintenance', scale_target: 'mail', scale_action: 'drain'});
    await program.alert({alertname: 'IndexSlow', scale_target: 'search', scale_action: 'up'});
    await program.alert({alertname: 'QueueShort', scale_target: 'checkout', scale_action: 'down'});
    await program.alert({alertname: causes.up[0], scale_target: 'web', scale_action: 'up', severity: 'info'},
      {annotations: {summary: causes.up[1]}, generatorURL: 'http://prometheus.example/graph?g0.expr=web'});
    await eventually(async () => (await program.target('web')).decision.reason === 'cooldown', 'web waits for its cooldown');
    for (const scheme of ['light', 'dark']) {
      const page = await open(browser, 'about:blank', {width: 1280, height: 860, scheme, live: false});
      await page.route('**/api/v1/history?*', stretch);
      await page.goto(`${program.url}/#/target/web`);
      await page.locator('#line[data-state="live"]').waitFor();
      await page.getByLabel('Time shown').selectOption('1');
      await page.locator('.chart .moment').nth(hour.length - 1).waitFor({state: 'attached'});
      for (const state of ['pinned', 'paused', 'drained', 'scaling', 'postponed']) {
        await page.locator('.row', {hasText: state}).first().waitFor();
      }
      await page.evaluate(() => scrollTo(0, 0));
      await screenshot(page, `fleet-${scheme}`);
      assert.deepEqual(page.complaints, []);
      await page.unrouteAll({behavior: 'wait'}); // an answer that is being stretched would be gone with the page
      await page.context().close();
    }
  } finally {
    await program.stop();
  }
}

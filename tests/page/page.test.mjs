// The page against the real program with simulated targets, in a real browser.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import {after, afterEach, before, describe, test} from 'node:test';
import {pictures} from './fleet.mjs';
import {Program, eventually, launch, newPage, open, screenshot, violations} from './harness.mjs';
import {tokens} from './tokens.mjs';

let browser;
before(async () => { browser = await launch(); });
after(() => browser.close());

const open_ = [];
afterEach(async () => {
  for (const page of open_.splice(0)) await page.context().close();
});
async function show(url, options) {
  const page = await open(browser, url, options);
  open_.push(page);
  return page;
}
async function blank() {
  const page = await newPage(browser);
  open_.push(page);
  return page;
}
const row = (page, name) => page.locator('.row', {has: page.getByText(name, {exact: true})});
const simulated = (name, more = {}) => ({name, simulated: {replicas: 2}, max: 10, ...more});

describe('with a few targets', () => {
  let program;
  before(async () => {
    program = await new Program({targets: [
      simulated('web', {up: {step: 2, cooldown: '5m'}}), simulated('jobs', {min: 0}), simulated('mail'), simulated('cache', {max: 6}),
      simulated('search', {simulated: {replicas: 3, startup_delay: '60s'}}),
      {name: 'agents', advisory: {}, initial: 2, max: 300},
      {name: 'checkout', docker_compose: {project: 'shop', service: 'checkout'}},
    ], args: []}).start();
  });
  after(() => program.stop());

  test('every target with its count, bounds, state and decision', async () => {
    const page = await show(program.url);
    await eventually(async () => (await page.locator('.row').count()) === 7, '7 rows'); // the browser draws when it likes
    const web = row(page, 'web');
    const whole = /web\s+simulated\s+2 of 1–10\s+idle\s+nothing to do: no alert asks for anything/;
    await eventually(async () => whole.test(await web.innerText()), 'web with everything about it');
    assert.equal(await web.locator('.bar').getAttribute('aria-label'), '2 replicas ready, bounds 1 to 10');
    await row(page, 'checkout').getByText('unknown', {exact: true}).waitFor();
    assert.deepEqual(page.complaints, []);
  });

  test('an alert moves the bar without a reload; what waits counts down', async () => {
    const page = await show(program.url);
    await page.evaluate(() => { globalThis.sameDocument = true; });
    await program.alert({alertname: 'HighLoad', scale_target: 'web', scale_action: 'up', severity: 'critical'},
      {annotations: {summary: 'p99 latency is above 300 ms'}, generatorURL: 'http://prometheus.example/graph?g0.expr=up'});
    const web = row(page, 'web');
    await web.getByText('postponed').waitFor();
    assert.match(await web.innerText(), /4 of 1–10/);
    const wait = web.locator('.countdown');
    assert.match(await wait.innerText(), /^in \d+ (s|min( \d+ s)?)$/);
    const before = await wait.innerText();
    await eventually(async () => (await wait.innerText()) !== before, 'the countdown moves');
    await page.locator('#history .entry', {hasText: 'web scaled up 2 → 4'}).waitFor();
    assert.equal(await page.evaluate(() => globalThis.sameDocument), true);
    await screenshot(page, 'targets');
  });

  test('one target: its alerts with a link to where they come from, a chart, what was done', async () => {
    const page = await show(`${program.url}/#/target/web`);
    const detail = page.locator('#detail');
    const link = detail.getByRole('link', {name: 'HighLoad'});
    assert.equal(await link.getAttribute('href'), 'http://prometheus.example/graph?g0.expr=up');
    await detail.getByText('p99 latency is above 300 ms').waitFor();
    await detail.locator('.chart .moment').first().waitFor();
    await detail.locator('.entry', {hasText: 'scaled up 2 → 4'}).waitFor();
    assert.match(await detail.locator('.chart').getAttribute('aria-label'), /Replicas of web in the last 6 h: 1 actions/);
    await screenshot(page, 'target');
  });

  test('a count by hand: slider, keyboard, number; with a pin', async () => {
    const page = await show(`${program.url}/#/target/cache`);
    const slider = page.locator('#count-slider');
    await slider.focus();
    await page.keyboard.press('ArrowRight');
    await page.keyboard.press('ArrowRight');
    assert.equal(await page.locator('#count').inputValue(), '4');
    await page.getByLabel('Keep it').selectOption('30m');
    await page.getByRole('button', {name: 'Set', exact: true}).click();
    await page.locator('.said', {hasText: 'Set cache to 4 replicas for 30m: accepted.'}).waitFor();
    const target = await eventually(async () => { const t = await program.target('cache'); return t.observed === 4 && t; }, '4 replicas');
    assert.equal(target.pin.replicas, 4);
    await page.locator('#detail .badge', {hasText: 'pinned'}).first().waitFor();
    await page.getByRole('button', {name: 'End the pin'}).click();
    await eventually(async () => (await program.target('cache')).pin === null, 'the pin has ended');
    await page.locator('#count').fill('3');
    await page.keyboard.press('Enter');
    await eventually(async () => (await program.target('cache')).observed === 3, '3 replicas');
  });

  test('what leaves the bounds, or stops everything, is asked about first', async () => {
    const page = await show(`${program.url}/#/target/cache`);
    const number = page.locator('#count');
    const dialog = page.getByRole('dialog');
    const before = (await program.target('cache')).observed;
    await number.fill('9');
    await page.keyboard.press('Enter');
    await dialog.getByText('9 is above max (6).').waitFor();
    await dialog.getByRole('button', {name: 'Cancel'}).click();
    assert.equal((await program.target('cache')).observed, before);
    await number.fill('0');
    await page.keyboard.press('Enter');
    await dialog.getByText('0 stops every replica of cache.').waitFor();
    await page.keyboard.press('Escape');
    assert.equal((await program.target('cache')).observed, before);
    await number.fill('9');
    await page.keyboard.press('Enter');
    await dialog.getByRole('button', {name: 'Set to 9'}).click();
    await page.locator('.said', {hasText: /accepted\. .*above max/}).waitFor();
    await eventually(async () => (await program.target('cache')).observed === 9, '9 replicas');
  });

  test('pause with an end, and resume; of one target and of all', async () => {
    const page = await show(`${program.url}/#/target/mail`);
    await page.getByRole('button', {name: 'Pause …'}).click();
    await page.getByLabel('For').selectOption('1h');
    await page.getByRole('button', {name: 'Pause', exact: true}).click();
    await page.locator('#detail .facts', {hasText: 'ends in 59 min'}).or(page.locator('#detail .facts', {hasText: 'ends in 1 h'})).waitFor();
    const until = Date.parse((await program.target('mail')).pause.until);
    assert.ok(Math.abs(until - Date.now() - 3600e3) < 60e3);
    await page.getByRole('button', {name: 'Resume', exact: true}).click();
    await eventually(async () => (await program.target('mail')).pause === null, 'mail is resumed');

    await page.getByRole('button', {name: 'Pause all'}).click();
    await page.getByRole('dialog').getByRole('button', {name: 'Pause all'}).click();
    await eventually(async () => (await program.target('jobs')).pause !== null, 'all are paused');
    await page.getByRole('button', {name: 'Resume all'}).click();
    await page.getByRole('dialog').getByRole('button', {name: 'Resume all'}).click();
    await eventually(async () => (await program.target('jobs')).pause === null, 'all are resumed');
  });

  test('a refused change says why', async () => {
    const page = await show(`${program.url}/#/target/jobs`);
    await program.alert({alertname: 'Maintenance', scale_target: 'jobs', scale_action: 'drain'});
    await page.locator('#detail .badge', {hasText: 'drained'}).first().waitFor();
    await page.locator('#count').fill('3');
    await page.keyboard.press('Enter');
    await page.locator('.said[data-tone="bad"]', {hasText: /drain/}).waitFor();
    await program.alert({alertname: 'Maintenance', scale_target: 'jobs', scale_action: 'drain'}, {resolved: true});
  });

  test('a proxy that refuses a change is heard, and makes nobody one who may only look', async () => {
    const page = await show(`${program.url}/#/target/mail`);
    await page.route('**/replicas', (route) => route.fulfill({status: 403, contentType: 'text/html', body: '<h1>403</h1>'}));
    const asked = page.waitForResponse('**/api/v1/status'); // who we are
    await page.locator('#count').fill('3');
    await page.keyboard.press('Enter');
    await page.locator('.said[data-tone="bad"]', {hasText: '403'}).waitFor();
    await asked;
    assert.equal((await program.target('mail')).observed, 2);
    await page.unroute('**/replicas');
    await page.locator('#count').fill('3');
    await page.keyboard.press('Enter');
    await eventually(async () => (await program.target('mail')).observed === 3, 'it can be tried again');
    assert.equal(await page.getByText('You may only look').isVisible(), false);
  });

  test('search and states narrow the list', async () => {
    const page = await show(program.url);
    await page.keyboard.press('/');
    await page.keyboard.type('HighLoad');
    await eventually(async () => (await page.locator('.row:visible').count()) === 1, 'only web is shown');
    await page.locator('#search').fill('nothing like that');
    await page.getByText('None of 7 targets fits the search.').waitFor();
    await page.locator('#search').fill('');
    await page.locator('#states').getByText(/^unknown/).click();
    await eventually(async () => (await page.locator('.row:visible').count()) === 1, 'only checkout is shown');
  });

  for (const scheme of ['light', 'dark']) {
    for (const [width, height] of [[360, 800], [1440, 900], [2560, 1300]]) {
      test(`${scheme}, ${width} wide: nothing that axe objects to, nothing that overflows`, async () => {
        for (const [name, route] of [['all', '#/'], ['one', '#/target/web']]) {
          const page = await show(`${program.url}/${route}`, {width, height, scheme});
          if (name === 'one') await page.locator('.chart').waitFor();
          assert.deepEqual(await violations(page), []);
          assert.equal(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), true);
          await screenshot(page, `${name}-${scheme}-${width}`);
        }
      });
    }
  }

  test('the dialog, too, is readable for all', async () => {
    const page = await show(`${program.url}/#/target/cache`, {scheme: 'dark'});
    await page.locator('#count').fill('0');
    await page.keyboard.press('Enter');
    await page.getByRole('dialog').waitFor();
    assert.deepEqual(await violations(page), []);
    await screenshot(page, 'confirmation');
  });

  test('nothing moves but what changes', async () => {
    const page = await show(program.url);
    await page.evaluate(() => {
      globalThis.shifts = [];
      new PerformanceObserver((list) => globalThis.shifts.push(...list.getEntries().map((entry) => entry.value)))
        .observe({type: 'layout-shift', buffered: false});
    });
    await program.alert({alertname: 'Waiting', scale_target: 'mail', scale_action: 'up'});
    await row(page, 'mail').getByText('postponed').waitFor();
    await program.alert({alertname: 'Waiting', scale_target: 'mail', scale_action: 'up'}, {resolved: true});
    await row(page, 'mail').getByText('idle').waitFor();
    // The list of what was done grows at its top; the list of targets stays where it is.
    const places = await page.locator('.row').evaluateAll((rows) => rows.map((r) => r.getBoundingClientRect().height));
    assert.ok(places.every((height) => height === places[0]), `rows of different heights: ${places}`);
  });
});

test('the line is lost and comes back; the page says so, and catches up', async () => {
  const program = await new Program({targets: [simulated('web')]}).start();
  try {
    const page = await show(program.url);
    await program.kill();
    await page.locator('#banner', {hasText: 'No connection to alertscaler'}).waitFor();
    assert.match(await page.locator('#banner').innerText(), /What is shown was true .* Trying again\./);
    await screenshot(page, 'lost');
    await program.start();
    await program.alert({alertname: 'HighLoad', scale_target: 'web', scale_action: 'up'});
    await page.locator('#line[data-state="live"]').waitFor();
    await row(page, 'web').getByText('3', {exact: true}).waitFor();
    assert.equal(await page.locator('#banner').isVisible(), false);
  } finally {
    await program.stop();
  }
});

test('a target that leaves the configuration leaves the page; the pause of all is not that of each', async () => {
  const program = await new Program({targets: [simulated('stays'), simulated('leaves')]}).start();
  const post = async (path) => {
    const answer = await fetch(`${program.url}${path}`, {method: 'POST', body: '{}', headers: {'Content-Type': 'application/json'}});
    assert.ok(answer.ok, await answer.text());
  };
  try {
    const page = await show(`${program.url}/#/target/leaves`);
    await page.locator('#detail .count-text', {hasText: '2 replicas ready'}).waitFor();
    await row(page, 'leaves').waitFor();
    fs.writeFileSync(`${program.folder}/alertscaler.yml`, JSON.stringify({targets: [simulated('stays')]}));
    await post('/-/reload');
    await page.locator('#detail').getByText('No target of this name is configured.').waitFor();
    await eventually(async () => (await page.locator('.row').count()) === 1, 'its row is gone');

    const button = (name) => page.locator('#pause-all', {hasText: name});
    await post('/api/v1/pause');
    await button('Resume all').waitFor();
    await post('/api/v1/resume');
    await button('Pause all').waitFor();
    await post('/api/v1/targets/stays/pause');
    await row(page, 'stays').getByText('paused', {exact: true}).waitFor();
    await button('Pause all').click();
    await page.getByRole('dialog').getByRole('button', {name: 'Pause all'}).click();
    await button('Resume all').click();
    await page.getByRole('dialog').getByRole('button', {name: 'Resume all'}).click();
    await page.locator('#banner', {hasText: 'stays stays paused until resumed'}).waitFor();
    await button('Pause all').waitFor();
    assert.deepEqual(page.complaints, []);
  } finally {
    await program.stop();
  }
});

test('a dry run: what exists, what is wanted as if, and a badge that says so', async () => {
  const program = await new Program({targets: [simulated('rehearsed', {dry_run: true, max: 3}), simulated('web')]}).start();
  try {
    await program.alert({alertname: 'HighLoad', scale_target: 'rehearsed', scale_action: 'up'});
    const page = await show(`${program.url}/#/target/rehearsed`);
    const detail = page.locator('#detail');
    await detail.getByText('2 replicas ready, 3 wanted (dry run), bounds 1 to 3.').waitFor();
    await detail.locator('.pane-head').getByText('dry run', {exact: true}).waitFor();
    await row(page, 'rehearsed').getByText('dry run', {exact: true}).waitFor();
    assert.match(await row(page, 'rehearsed').locator('.count').innerText(), /^2 of 1–3/);
    assert.equal(await row(page, 'web').getByText('dry run', {exact: true}).isVisible(), false);
    assert.match(await detail.locator('.chart').getAttribute('aria-label'), /from 2 at .* to 2 now/);
  } finally {
    await program.stop();
  }
});

test('text from alerts and names stays text', async () => {
  const evil = '<img src=x onerror="globalThis.ran=true"><script>globalThis.ran=true</script>';
  const program = await new Program({targets: [simulated('web')]}).start();
  try {
    await program.alert({alertname: evil, scale_target: 'web', scale_action: 'up', [`note`]: evil},
      {annotations: {summary: evil}, generatorURL: 'javascript:globalThis.ran=true'});
    const page = await show(`${program.url}/#/target/web`);
    await page.locator('#detail .alert', {hasText: evil}).waitFor();
    await page.locator('#detail .entry', {hasText: evil}).waitFor();
    assert.equal(await page.locator('#detail .alert a').count(), 0);
    assert.equal(await page.locator('main img, main script').count(), 0);
    assert.equal(await page.evaluate(() => globalThis.ran), undefined);

    await page.evaluate(() => {
      const script = document.createElement('script');
      try { script.textContent = 'globalThis.ran = true'; } catch { return; }
      document.body.append(script);
    });
    assert.equal(await page.evaluate(() => globalThis.ran), undefined, 'an inline script ran');
    await eventually(() => page.complaints.some((text) => /Content Security Policy|TrustedScript|Trusted/.test(text)), 'the browser complains');
  } finally {
    await program.stop();
  }
});

test('another site cannot make a browser change anything', async () => {
  const program = await new Program({targets: [simulated('web')]}).start();
  const other = await new Program({targets: [simulated('other')]}).start();
  try {
    const page = await show(other.url);
    const answer = await page.evaluate(async (url) => {
      try {
        return (await fetch(`${url}/api/v1/pause`, {method: 'POST', mode: 'no-cors', body: '{}'})).type;
      } catch (error) {
        return String(error);
      }
    }, program.url);
    assert.ok(answer, 'the browser sent nothing');
    assert.equal((await program.target('web')).pause, null);
    const direct = await fetch(`${program.url}/api/v1/pause`, {method: 'POST', headers: {Origin: other.url, 'Content-Type': 'application/json'}, body: '{}'});
    assert.equal(direct.status, 403);
  } finally {
    await program.stop();
    await other.stop();
  }
});

test('a page whose name leads to us can neither read nor change anything', async () => {
  const program = await new Program({targets: [simulated('web')]}).start();
  const rebinding = await launch('--host-resolver-rules=MAP evil.example 127.0.0.1');
  try {
    const page = await open(rebinding, program.url.replace('127.0.0.1', 'evil.example'), {live: false});
    await page.locator('#banner', {hasText: 'Refused'}).filter({hasText: '--web.external-url=http://evil.example'}).waitFor();
    assert.equal(await page.locator('.row').count(), 0);
    for (const claim of ['No target is configured.', 'Nothing yet.']) assert.equal(await page.getByText(claim).isVisible(), false, claim);
    const statuses = await page.evaluate(async () => {
      const quiet = {headers: {'Accept-Language': '', 'User-Agent': 'curl/8'}, referrerPolicy: 'no-referrer', credentials: 'omit'};
      const asked = [['api/v1/alerts', quiet], ['api/v1/events', quiet], ['metrics', {}], ['api/v1/alerts', {method: 'HEAD', ...quiet}],
        ['api/v1/pause', {method: 'POST', body: '{}', headers: {'Content-Type': 'application/json'}}], ['webhook', {method: 'POST', body: '{}'}]];
      return Promise.all(asked.map(async ([path, how]) => (await fetch(path, how)).status));
    });
    assert.deepEqual(statuses, statuses.map(() => 403));
    assert.equal((await program.target('web')).pause, null);
  } finally {
    await rebinding.close();
    await program.stop();
  }
});

describe('who must say who they are', () => tokens(blank));

/** The longest time that the page's main thread worked without a break meanwhile, in ms of its own processor time. */
async function longestTask(page, work) {
  await browser.startTracing(page, {categories: ['toplevel', 'devtools.timeline', '__metadata']});
  await work();
  const {traceEvents} = JSON.parse(await browser.stopTracing());
  const mains = new Set(traceEvents.filter((event) => event.name === 'thread_name' && event.args.name === 'CrRendererMain')
    .map((event) => `${event.pid} ${event.tid}`));
  const tasks = traceEvents.filter((event) => event.ph === 'X' && event.tdur && mains.has(`${event.pid} ${event.tid}`));
  assert.ok(tasks.length > 100, `only ${tasks.length} tasks were traced`);
  return Math.max(...tasks.map((task) => task.tdur)) / 1000;
}

test('a fleet at work; the pictures of the README', () => pictures(browser));

test('500 targets scroll and are searched without a long frame', async () => {
  const targets = Array.from({length: 500}, (_, i) => simulated(`service-${String(i).padStart(3, '0')}`));
  const program = await new Program({targets}).start();
  try {
    const page = await show(program.url);
    await eventually(async () => (await page.locator('.row').count()) === 500, '500 rows');
    const measure = () => longestTask(page, async () => {
      for (let i = 0; i < 40; ++i) await page.mouse.wheel(0, 1200);
      await page.locator('#search').pressSequentially('service-42');
      // Not :visible, which would itself be the longest task.
      const shown = page.locator('#list > li:not([hidden])');
      await eventually(async () => (await shown.count()) === 10, '10 rows fit');
      await page.locator('#search').fill('');
      await eventually(async () => (await shown.count()) === 500, 'all again');
    });
    // A slow page is slow each time; a neighbour on the machine is not.
    let longest = await measure();
    for (let more = 0; more < 2 && longest >= 100; ++more) longest = Math.min(longest, await measure());
    console.log(`# longest task with 500 targets: ${longest} ms`);
    assert.ok(longest < 100, `the page worked for ${longest} ms at a time`);
    await screenshot(page, 'many');
  } finally {
    await program.stop();
  }
});

// Where the program wants to know who somebody is: the page asks, and shows what they may do.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import {test} from 'node:test';
import {Program, eventually, screenshot, violations} from './harness.mjs';

const targets = [{name: 'web', simulated: {replicas: 2}, max: 10}];

/** `newPage` gives an empty page, and closes it after the test. */
export function tokens(newPage) {
  test('with a token: the page asks for it, and then shows everything', async () => {
    const program = new Program({targets});
    fs.writeFileSync(`${program.folder}/token`, 'a-token-of-the-test-0123456789\n', {mode: 0o600});
    fs.writeFileSync(`${program.folder}/web.yml`, `bearer_token_file: ${program.folder}/token\n`);
    program.args = [`--web.config.file=${program.folder}/web.yml`];
    await program.start();
    try {
      const page = await newPage();
      await page.goto(program.url);
      const field = page.getByRole('dialog').getByLabel('Token');
      await field.fill('wrong');
      await page.keyboard.press('Enter');
      await eventually(async () => (await field.count()) === 1 && (await field.inputValue()) === '', 'it asks again');
      assert.equal(await page.locator('.row').count(), 0);
      await field.fill('a-token-of-the-test-0123456789');
      await page.keyboard.press('Enter');
      await page.locator('.row').waitFor();
      await page.evaluate(() => sessionStorage.setItem('alertscaler.token', '“a-token-of-the-test-0123456789”\u200b'));
      await page.reload();
      await page.locator('.row').waitFor();
      await page.locator('#line[data-state="live"]').waitFor();

      // A token that was taken away shows nothing any more, whatever was being asked; who has the new one goes on, on one line.
      let lines = 0;
      page.on('response', (response) => { if (response.url().endsWith('/api/v1/events') && response.ok()) ++lines; });
      await page.getByRole('button', {name: 'Pause all'}).click();
      await page.getByRole('dialog').getByRole('button', {name: 'Pause all'}).waitFor();
      await page.evaluate(() => {
        globalThis.asked = 0;
        new MutationObserver((changes) => { globalThis.asked += changes.length; })
          .observe(document.getElementById('dialog'), {childList: true});
      });
      fs.writeFileSync(`${program.folder}/token`, 'another-token-of-the-test-987654\n');
      await field.waitFor();
      await field.fill('another-token-of-the-test-987654\u200b');
      await page.keyboard.press('Enter');
      await page.locator('#line[data-state="live"]').waitFor();
      await program.alert({alertname: 'A', scale_target: 'web', scale_action: 'up'}, {token: 'another-token-of-the-test-987654'});
      await page.locator('.row', {hasText: '1 firing'}).waitFor();
      assert.equal(lines, 1);
      assert.equal(await page.evaluate(() => globalThis.asked), 1, 'asked once');
    } finally {
      await program.stop();
    }
  });

  test('with a read-only token: everything is shown, and nothing to change it', async () => {
    const program = new Program({targets});
    fs.writeFileSync(`${program.folder}/token`, 'a-token-of-the-test-0123456789\n', {mode: 0o600});
    fs.writeFileSync(`${program.folder}/lookers`, 'a-token-of-who-only-looks\n', {mode: 0o600});
    fs.writeFileSync(`${program.folder}/web.yml`, 'bearer_token_file: token\nread_only_token_file: lookers\n');
    program.args = [`--web.config.file=${program.folder}/web.yml`];
    await program.start();
    const signIn = async (token) => {
      const page = await newPage();
      await page.goto(`${program.url}/#/target/web`);
      await page.getByRole('dialog').getByLabel('Token').fill(token);
      await page.keyboard.press('Enter');
      await page.locator('#line[data-state="live"]').waitFor();
      return page;
    };
    try {
      const looks = await signIn('a-token-of-who-only-looks');
      await looks.getByText('You may only look').waitFor();
      for (const name of ['Set', 'Pause …', 'Pause all']) {
        assert.equal(await looks.getByRole('button', {name, exact: true}).count(), 0, name);
      }
      assert.equal(await looks.locator('#count-slider').isVisible(), false);
      assert.deepEqual(await violations(looks), []);
      await screenshot(looks, 'read-only');
      await looks.reload();
      await looks.getByText('You may only look').waitFor();

      const writes = await signIn('a-token-of-the-test-0123456789');
      await writes.getByRole('button', {name: 'Pause …', exact: true}).waitFor();
      assert.equal(await writes.getByText('You may only look').isVisible(), false);
      assert.equal(await writes.getByRole('button', {name: 'Pause all', exact: true}).isVisible(), true);

      fs.writeFileSync(`${program.folder}/lookers`, 'a-token-of-who-only-looks\na-token-of-the-test-0123456789\n');
      const mayWrite = async () => (await (await fetch(`${program.url}/api/v1/status`,
        {headers: {Authorization: 'Bearer a-token-of-the-test-0123456789'}})).json()).data.may_write;
      await eventually(async () => !await mayWrite(), 'the file is read again');
      await writes.locator('#count').fill('3');
      await writes.keyboard.press('Enter');
      await writes.locator('.said', {hasText: 'who may look at everything and change nothing'}).waitFor();
      await writes.getByText('You may only look').waitFor();
      assert.equal(await writes.locator('#count-slider').isVisible(), false);
    } finally {
      await program.stop();
    }
  });
}

// The dashboard and the playground with the keyboard alone. The focus is somewhere, and can be seen, after everything that is pressed;
// dialogs keep it in and give it back. Prints what went wrong as JSON.
import {readFileSync} from 'node:fs';
import assert from 'node:assert/strict';
import {open} from './browser.mjs';

const settings = JSON.parse(process.argv[2]);
const browser = await open(settings);
const {tab, go} = browser;

const exec = (key, code) => fetch(`${settings.url}/exec`, {
  method: 'POST', headers: {'content-type': 'application/json', 'x-api-key': key}, body: JSON.stringify({lang: 'py', code}),
});

// Where the focus is, by what names the control.
const focused = (page) => page.evaluate(() => {
  const one = document.activeElement;
  return one.getAttribute('aria-label') || one.id || one.textContent.trim() || one.tagName;
});
async function expectFocus(page, name) {
  await page.waitForFunction((wanted) => {
    const one = document.activeElement;
    return [one.getAttribute('aria-label'), one.id, one.textContent.trim()].includes(wanted);
  }, name).catch(async () => { throw new Error(`The focus is on "${await focused(page)}", and not on "${name}".`); });
  // The editor draws its own outline, around all of it.
  await page.waitForFunction(() => {
    const inner = document.activeElement.shadowRoot?.activeElement;
    const one = inner ? inner.closest('.cm-editor') : document.activeElement;
    const box = one.getBoundingClientRect();
    return getComputedStyle(one).outlineStyle !== 'none' && box.width > 0 && box.bottom > 0 && box.top < innerHeight;
  }).catch(() => { throw new Error(`It cannot be seen that "${name}" has the focus.`); });
}
// Presses Tab until that control has the focus, so that there is a way to it.
async function reach(page, name, key = 'Tab') {
  for (let i = 0; i < 60; ++i) {
    if ((await focused(page)) === name) return expectFocus(page, name);
    await page.keyboard.press(key);
  }
  throw new Error(`"${name}" cannot be reached with ${key}.`);
}
async function press(page, name, key = 'Enter') {
  await reach(page, name);
  await page.keyboard.press(key);
}
// The focus goes round inside of the dialog; the browser's own controls, of which there are none here, would come in between.
async function expectTrap(page, dialog, count) {
  for (let i = 0; i < count + 2; ++i) {
    await page.keyboard.press('Tab');
    const inside = await page.evaluate((id) => document.activeElement === document.body || document.getElementById(id).contains(document.activeElement), dialog);
    assert(inside, `Tab leads out of ${dialog}, to "${await focused(page)}"`);
  }
}

// ---- the dashboard ----

const page = await tab();
await go(page, '/admin-dashboard');
await expectFocus(page, 'key-field');
await expectTrap(page, 'key-dialog', 3);
await page.keyboard.press('Escape');
await expectFocus(page, 'log-in');
await page.keyboard.press('Enter');
await page.keyboard.type('not-the-master-key-0123456789');
await page.keyboard.press('Enter');
await page.getByText('Invalid Master API Key').waitFor();
await expectFocus(page, 'key-field');
assert.equal(await page.locator('#key-field').getAttribute('aria-invalid'), 'true');
await page.keyboard.type(settings.master);
await page.keyboard.press('Enter');
await expectFocus(page, 'tab-overview');

// The views: arrows, and the first and the last.
for (const [key, name] of [['End', 'health'], ['Home', 'overview'], ['ArrowLeft', 'health'], ['ArrowRight', 'overview'], ['ArrowRight', 'runs'], ['ArrowRight', 'keys']]) {
  await page.keyboard.press(key);
  await expectFocus(page, `tab-${name}`);
}

// A key: made, limited, paused, revoked.
await press(page, 'Create a key');
await expectFocus(page, 'key-name');
await expectTrap(page, 'edit-dialog', 12);
await page.keyboard.press('Escape');
await expectFocus(page, 'Create a key');
await page.keyboard.press('Enter');
await page.keyboard.type('by keyboard');
await reach(page, 'limit-per_minute');
await page.keyboard.type('3');
await reach(page, 'key-languages');
await page.keyboard.type('py klingon');
await page.keyboard.press('Enter');
await page.locator('#edit-dialog .notice:not([hidden])').waitFor();
await page.keyboard.press('Control+A');
await page.keyboard.type('py js');
await page.keyboard.press('Enter');
await expectFocus(page, 'Copy');
const key = await page.locator('#new-key').textContent();
assert.match(key, /^sk-/);
await page.keyboard.press('Enter');
await page.getByText('Copied.').waitFor();
await expectFocus(page, 'Copy');
await press(page, 'Done', 'Space');
await expectFocus(page, 'Create a key');
await page.getByText('3 per minute, only py js').waitFor();
assert.equal((await exec(key, 'print(1)')).status, 200);
await press(page, 'Edit by keyboard');
await reach(page, 'limit-per_second');
await page.keyboard.type('9');
await page.keyboard.press('Enter');
await page.getByText('9 per second, 3 per minute').waitFor();
await expectFocus(page, 'Edit by keyboard');
await press(page, 'Pause by keyboard');
await expectFocus(page, 'Resume by keyboard');
await page.locator('#status').getByText('by keyboard is paused.').waitFor();
assert.equal((await exec(key, 'print(1)')).status, 401);
await page.keyboard.press('Enter');
await expectFocus(page, 'Pause by keyboard');

// A run: it appears, the focus stays on it while the list is made anew every two seconds, and it is ended.
await reach(page, 'tab-keys', 'Shift+Tab');
await page.keyboard.press('ArrowLeft');
await expectFocus(page, 'tab-runs');
const running = exec(key, 'import time\ntime.sleep(25)');
await page.getByRole('button', {name: /^End the run/}).waitFor();
await page.getByRole('cell', {name: /^by keyboard/}).waitFor();
const end = await page.getByRole('button', {name: /^End the run/}).getAttribute('aria-label');
await reach(page, end);
const before = await page.getByRole('button', {name: end}).elementHandle();
await page.waitForFunction((one) => !one.isConnected, before);
await expectFocus(page, end);
await page.keyboard.press('Enter');
await page.locator('#status').getByText('The run is ending.').waitFor();
assert.equal((await running).status, 200);
await page.getByText('Nothing runs.').waitFor();
await expectFocus(page, 'tab-runs');
await page.locator('#status').getByText('The run is ending.').waitFor();  // new figures do not take away what was said

await page.keyboard.press('ArrowRight');
await press(page, 'Revoke by keyboard');
await expectFocus(page, 'Cancel');  // not what cannot be taken back
await press(page, 'Revoke');
await page.locator('#status').getByText('by keyboard is revoked.').waitFor();
await expectFocus(page, 'Create a key');
assert.equal((await exec(key, 'print(1)')).status, 401);

// A date is typed as slowly as people do it: new figures come in between, and the year is 2, 20 and 202 first.
await reach(page, 'tab-keys', 'Shift+Tab');
await page.keyboard.press('Home');
await page.locator('.cards').waitFor();
await reach(page, 'from-date');
const asked = [];
page.on('request', (request) => asked.push(request.url()));
for (const digit of '01012024') {
  const drawn = page.waitForResponse((answer) => /heatmap/.test(answer.url()), {timeout: 500}).catch(() => null);
  await page.keyboard.press(digit);
  await drawn;
}
assert.equal(await page.locator('#from-date').inputValue(), '2024-01-01');
assert.deepEqual([...new Set(asked.map((url) => new URL(url).searchParams.get('start_date')).filter(Boolean))], ['2024-01-01']);
await expectFocus(page, 'from-date');
await press(page, '7D: the last 7 days');
await page.locator('button[aria-pressed="true"]').getByText('7D').waitFor();
await expectFocus(page, '7D: the last 7 days');
assert.equal(await page.locator('#from-date').inputValue(), '');
await press(page, 'leave');
await expectFocus(page, 'log-in');

// On a phone the list of runs is wider than the screen. It stays where it was scrolled to.
const phone = await tab({width: 'phone'});
await go(phone, '/admin-dashboard#runs');
await phone.keyboard.type(settings.master);
await phone.keyboard.press('Enter');
await expectFocus(phone, 'tab-runs');
const second = exec(settings.key, 'import time\ntime.sleep(25)');
const region = phone.getByRole('region', {name: 'Runs'});
await region.waitFor();
await region.evaluate((one) => { one.scrollLeft = 150; one.dataset.old = 'true'; });
await phone.waitForFunction(() => !document.querySelector('[data-old]'));
assert(await region.evaluate((one) => one.scrollLeft) >= 100);
await phone.getByRole('button', {name: /^End the run/}).focus();
await phone.keyboard.press('Enter');
await second;

// ---- the playground ----

const play = await tab();
await go(play, '/playground');
await reach(play, 'editor');
await play.keyboard.press('Control+A');
await play.keyboard.insertText('open("made.txt", "w").write("seven")\nprint(6 * 7)');
await play.keyboard.press('Control+Enter');
await expectFocus(play, 'key-field');
await play.keyboard.press('Escape');
await expectFocus(play, 'editor');
await play.keyboard.press('Control+Enter');
await play.keyboard.type(settings.key);
await play.keyboard.press('Enter');
await play.locator('#result').getByText('42').waitFor();
await expectFocus(play, 'editor');
await play.locator('#status').getByText(/^Finished/).waitFor();
await play.keyboard.press('Escape');
await play.keyboard.press('Tab');
assert.notEqual(await focused(play), 'editor');

// The button keeps the focus while its program runs, and gets it back from the one that stops it.
await press(play, 'run');
await play.locator('#status').getByText(/^Finished/).waitFor();
await expectFocus(play, 'run');
await reach(play, 'editor');
await play.keyboard.press('Control+A');
await play.keyboard.insertText('import time\ntime.sleep(25)');
await play.keyboard.press('Control+Enter');
await play.keyboard.press('Escape');
await reach(play, 'stop', 'Shift+Tab');
await play.keyboard.press('Enter');
await play.locator('#status').getByText('Stopped.').waitFor();
await expectFocus(play, 'run');

// Examples: each is reached with the arrows.
await reach(play, 'Example', 'Shift+Tab');
const text = () => play.locator('.cm-content').textContent();
const seen = new Set();
for (let i = 0; i < 5; ++i) {
  await play.keyboard.press('ArrowDown');
  seen.add(await text());
}
assert.equal(seen.size, 5);

// A file goes up and comes down.
const chooser = play.waitForEvent('filechooser');
await press(play, 'choose');
await (await chooser).setFiles({name: 'numbers.csv', mimeType: 'text/csv', buffer: Buffer.from('n\n1\n')});
await play.locator('#status').getByText('Uploaded: numbers.csv').waitFor();
await expectFocus(play, 'choose');
const coming = play.waitForEvent('download');
await press(play, 'Download numbers.csv');
assert.equal(readFileSync(await (await coming).path(), 'utf8'), 'n\n1\n');
await expectFocus(play, 'Download numbers.csv');

// A link, and the request for other programs.
await press(play, 'share');
await expectFocus(play, 'text-field');
assert.match(await play.locator('#text-field').inputValue(), /#lang=py&code=/);
await expectTrap(play, 'text-dialog', 3);
await press(play, 'Copy');
await play.getByText('Copied.').waitFor();
await play.keyboard.press('Escape');
await expectFocus(play, 'share');
await reach(play, 'copy', 'Shift+Tab');
await play.keyboard.press('Enter');
await expectFocus(play, 'text-field');
await reach(play, 'Python', 'Shift+Tab');
await play.keyboard.press('Enter');
assert.match(await play.locator('#text-field').inputValue(), /^import json/);
await expectFocus(play, 'Python');
await play.keyboard.press('Escape');
await expectFocus(play, 'copy');
await press(play, 'new-session');
await play.locator('#status').getByText('The next run begins a new session.').waitFor();
await expectFocus(play, 'new-session');

// Half the width with the same keyboard, which is 200 % zoom: what the keyboard does is still said. Nothing blinks for who wants that.
await play.setViewportSize({width: 720, height: 450});
await play.getByText('To leave the editor with the keyboard').waitFor();
await play.emulateMedia({reducedMotion: 'reduce'});
await play.reload();
await play.locator('html[data-ready]').waitFor();
await reach(play, 'editor');
assert.equal(await play.evaluate(() => document.getElementById('editor').shadowRoot.getAnimations().length), 0);

await browser.close();
console.log(JSON.stringify({problems: browser.problems}));

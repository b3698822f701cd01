// What an administrator does in the dashboard. Prints what went wrong as JSON.
import assert from 'node:assert/strict';
import {createHash} from 'node:crypto';
import {open} from './browser.mjs';

const settings = JSON.parse(process.argv[2]);
const browser = await open(settings);
const {tab, go, check} = browser;

const exec = (key, code) => fetch(`${settings.url}/exec`, {
  method: 'POST', headers: {'content-type': 'application/json', 'x-api-key': key}, body: JSON.stringify({lang: 'py', code}),
});
async function logIn(page, key = settings.master) {
  await page.locator('#key-field').fill(key);
  await page.locator('#key-dialog').getByRole('button', {name: 'Log in'}).click();
}
const choose = (page, name) => page.getByRole('tab', {name}).click();

const page = await tab();
await go(page, '/admin-dashboard');
await check(page, 'dashboard log in');
await logIn(page, 'not-the-master-key-0123456789');
await page.getByText('Invalid Master API Key').waitFor();
await logIn(page);
await page.getByRole('heading', {name: 'Executions'}).waitFor();

// A key: made, used, limited, paused, in use again, revoked.
await choose(page, 'API keys');
await page.getByRole('button', {name: 'Create a key'}).click();
await page.getByLabel('Name', {exact: true}).fill('notebook');
await check(page, 'dashboard new key');
await page.locator('#edit-dialog').getByRole('button', {name: 'Create'}).click();
const key = await page.locator('#new-key').textContent();
assert.match(key, /^sk-/);
await check(page, 'dashboard key shown once');
await page.getByRole('button', {name: 'Done'}).click();
await page.waitForFunction((text) => !document.documentElement.outerHTML.includes(text), key);
assert.equal((await exec(key, 'print(1)')).status, 200);

const row = page.getByRole('row').filter({hasText: 'notebook'});
await row.getByRole('button', {name: 'Edit notebook'}).click();
await page.getByLabel('per day').fill('1');
await page.getByRole('button', {name: 'Save'}).click();
await row.getByText('1 per day').waitFor();
assert.equal((await exec(key, 'print(1)')).status, 429);
await row.getByRole('button', {name: 'Edit notebook'}).click();
await page.getByLabel('per day').fill('');
await page.getByRole('button', {name: 'Save'}).click();
await row.getByText('none').waitFor();
assert.equal((await exec(key, 'raise SystemExit(3)')).status, 200);
await row.getByRole('button', {name: 'Pause notebook'}).click();
await row.getByText('paused').waitFor();
assert.equal((await exec(key, 'print(1)')).status, 401);
await check(page, 'dashboard keys');
await row.getByRole('button', {name: 'Resume notebook'}).click();
await row.getByText('active').waitFor();
assert.equal((await exec(key, 'print(1)')).status, 200);

// A run appears, and is ended.
await choose(page, 'Running now');
await page.getByText('Nothing runs.').waitFor();
const running = exec(key, 'import time\nprint("begun", flush=True)\ntime.sleep(25)');
await page.getByRole('button', {name: /^End the run/}).waitFor();
await check(page, 'dashboard runs');
await page.getByRole('button', {name: /^End the run/}).click();
const ended = await running;
assert.equal(ended.status, 200);
assert((await ended.json()).wall_time < 25_000);
await page.getByText('Nothing runs.').waitFor();

await choose(page, 'API keys');
await row.getByRole('button', {name: 'Revoke notebook'}).click();
await check(page, 'dashboard revoke');
await page.locator('#edit-dialog').getByRole('button', {name: 'Revoke'}).click();
await row.waitFor({state: 'detached'});
assert.equal((await exec(key, 'print(1)')).status, 401);

// What happened is in the overview; every tab can be reached with the keyboard.
await page.getByRole('tab', {name: 'API keys'}).focus();
await page.keyboard.press('ArrowRight');
await page.getByRole('heading', {name: 'Sandbox pool'}).waitFor();
await check(page, 'dashboard health');
await page.keyboard.press('ArrowRight');
await page.locator('.uplot').waitFor();
const runs = await page.locator('.cards strong').first().textContent();
assert(Number(runs) >= 3, `${runs} executions`);
// Who used it, in what, how it went and how fast: the key is still known by its hash, though it was revoked.
const of = (name) => page.getByRole('region', {name, exact: true}).getByRole('row');
await of('Figures of each language').filter({hasText: /^py/}).waitFor();
const hash = createHash('sha256').update(key).digest('hex').slice(0, 8);
const used = of('Keys that were used').filter({hasText: `${hash}…, revoked`});
let count, failed, late, average;
for (let tries = 0; tries < 50 && !(Number(count) >= 4); tries++) { // the last run is counted a moment after its answer
  if (tries > 0) await page.waitForTimeout(200);
  [count, failed, late, average] = await used.getByRole('cell').allTextContents();
}
assert(Number(count) >= 4 && failed === '1' && late === '0' && /^[\d.]+ m?s$/.test(average), await used.textContent());
await page.locator('.cards').getByText(/^half below .* 99 % below/).waitFor();
await page.locator('.cards').getByText(/\d cancelled$/).waitFor();
await page.getByRole('button', {name: '7D: the last 7 days'}).click();
await page.locator('button[aria-pressed="true"]').getByText('7D').waitFor();
await page.locator('.uplot').waitFor();
await check(page, 'dashboard overview');

for (const [width, dark] of [['wide', true], ['phone', false], ['phone', true]]) {
  const other = await tab({width, dark});
  await go(other, '/admin-dashboard');
  await logIn(other);
  for (const [name, shown] of [['Overview', '.uplot'], ['API keys', 'table'], ['System health', 'dl'], ['Running now', '.empty']]) {
    await choose(other, name);
    await other.locator(`[role="tabpanel"]:not([hidden]) ${shown}`).first().waitFor();
    await check(other, `dashboard ${name.toLowerCase()} ${width}${dark ? ' dark' : ''}`);
  }
}
await page.getByRole('button', {name: 'Log out'}).click();
await page.getByText('The dashboard is locked').waitFor();
assert.equal(await page.evaluate(() => sessionStorage.getItem('master_api_key')), null);
await check(page, 'dashboard locked');
await browser.close();
console.log(JSON.stringify({problems: browser.problems}));

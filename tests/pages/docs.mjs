// The API reference, looked at in both sizes and colours. Prints what went wrong as JSON.
import assert from 'node:assert/strict';
import {open} from './browser.mjs';

const settings = JSON.parse(process.argv[2]);
const browser = await open(settings);
for (const width of ['wide', 'phone']) {
  for (const dark of [false, true]) {
    const page = await browser.tab({width, dark});
    await browser.go(page, '/docs');
    await page.getByRole('heading', {name: 'POST /exec Run a program', exact: true}).waitFor();
    await page.locator('#run[open] h4').first().waitFor();
    const routes = await page.evaluate(async () => Object.values((await (await fetch('/openapi.json')).json()).paths).flatMap((item) => Object.keys(item)).length);
    assert.equal(await page.locator('details.operation').count(), routes);
    for (const which of [0, 1]) await page.locator('#run details').nth(which).locator('summary').click();
    await page.locator('#run').getByText('200 The program ran.').waitFor();
    await browser.check(page, `reference ${width}${dark ? ' dark' : ''}`);
    if (width === 'phone') continue;
    await page.locator('#filter').fill('download');
    assert.equal(await page.locator('#contents li:visible').count(), 2);
    await page.locator('#contents li:visible a').first().click();
    assert.match(page.url(), /#download$/);
    await page.locator('#download[open] h4').first().waitFor();
  }
}
await browser.close();
console.log(JSON.stringify({problems: browser.problems}));

// What a person does in the playground. Prints what went wrong as JSON; tests/pages/test_pages.py judges it.
import {readFileSync} from 'node:fs';
import assert from 'node:assert/strict';
import {open} from './browser.mjs';

const settings = JSON.parse(process.argv[2]);
const browser = await open(settings);
const {tab, go, check} = browser;

async function write(page, text) {
  await page.locator('.cm-content').click();
  await page.keyboard.press('Control+A');
  await page.keyboard.insertText(text);
}
async function finished(page) {
  await page.locator('#run:not([aria-disabled="true"])').waitFor();
  return page.locator('#status').textContent();
}
async function enter(page, key) {
  await page.locator('#key-field').fill(key);
  await page.getByRole('button', {name: 'Use this key'}).click();
}

const page = await tab();
await go(page, '/playground');
await check(page, 'playground at first');
await write(page, 'print("one", 6 * 7)');
await page.keyboard.press('Control+Enter');
await page.locator('#key-dialog').waitFor();
await check(page, 'key dialog');
await enter(page, 'not-the-key-0123456789');
await page.getByText('Invalid API key').waitFor();
await enter(page, settings.key);
await page.getByText('one 42').waitFor();
assert.match(await finished(page), /^Finished in/);

// The session stays, and so do the variables of it, also when the page is loaded again. The key is not asked for again.
await write(page, 'x = 12345');
await page.keyboard.press('Control+Enter');
await page.getByText('The program printed nothing.').waitFor();
await page.reload();
await page.locator('html[data-ready]').waitFor();
await write(page, 'print("kept", x)');
await page.keyboard.press('Control+Enter');
await page.getByText('kept 12345').waitFor();

// A file goes up, a program makes others of it, these are shown and come down.
await page.locator('#picker').setInputFiles({name: 'numbers.csv', mimeType: 'text/csv', buffer: Buffer.from('n\n1\n2\n3\n')});
await page.locator('#file-list').getByText('numbers.csv').waitFor();
// Dropped, as a file manager does it.
const dropped = await page.evaluateHandle(() => {
  const data = new DataTransfer();
  data.items.add(new File(['dropped text'], 'dropped.txt', {type: 'text/plain'}));
  return data;
});
await page.dispatchEvent('#drop', 'drop', {dataTransfer: dropped});
await page.locator('#file-list').getByText('dropped.txt').waitFor();
await write(page, `import struct, zlib
total = sum(map(int, open('numbers.csv').read().split()[1:]))
print(total, open('dropped.txt').read())
open('table.csv', 'w').write('city,total\\n"Lisbon, centre",%d\\n' % total)
def part(name, data): return struct.pack('>I', len(data)) + name + data + struct.pack('>I', zlib.crc32(name + data))
rows = b''.join(b'\\0' + bytes([30, 90 + y // 4, 160]) * 240 for y in range(160))
open('square.png', 'wb').write(b'\\x89PNG\\r\\n\\x1a\\n' + part(b'IHDR', struct.pack('>IIBBBBB', 240, 160, 8, 2, 0, 0, 0)) + part(b'IDAT', zlib.compress(rows)) + part(b'IEND', b''))
`);
await page.locator('#run').click();
await page.getByText('6 dropped text').waitFor();
assert.match(await finished(page), /^Finished in/);
await page.getByRole('cell', {name: 'Lisbon, centre'}).waitFor();
await page.waitForFunction(() => document.querySelector('#result img')?.naturalWidth === 240);
const coming = page.waitForEvent('download');
await page.locator('#file-list').getByRole('button', {name: 'Download table.csv'}).click();
assert.equal(readFileSync(await (await coming).path(), 'utf8'), 'city,total\n"Lisbon, centre",6\n');
await check(page, 'playground with files');

// A program that fails, and one that is stopped.
await write(page, 'raise ValueError("of course")');
await page.locator('#run').click();
await page.locator('.errors').getByText('ValueError: of course').waitFor();
assert.match(await finished(page), /^Exit code 1/);
await write(page, 'while True: pass');
await page.locator('#run').click();
await page.locator('#stop').click();
await page.getByText('Stopped.').waitFor();
await page.getByRole('button', {name: 'New session'}).click();
assert.equal(await page.locator('#file-list li').count(), 0);

// The same request for other programs, which the harness runs.
const snippets = {};
await write(page, 'print("it\'s", "\\"quoted\\" ü 😀 $HOME `x` \\\\ end")');
await page.locator('#copy').click();
for (const kind of ['curl', 'python', 'javascript']) {
  await page.locator(`#kinds [data-kind="${kind}"]`).click();
  snippets[kind] = await page.locator('#text-field').inputValue();
  if (kind === 'curl') await check(page, 'snippet dialog');
}
await page.getByRole('button', {name: 'Close'}).click();

// A link holds the program, and nothing else.
await page.locator('#share').click();
await page.getByText('A link to this program').waitFor();
const link = await page.locator('#text-field').inputValue();
assert(!link.includes(settings.key));
const other = await tab({width: 'phone', dark: true});
await go(other, link);
assert.match(await other.locator('.cm-content').textContent(), /"quoted\\" ü 😀/);
await check(other, 'playground on a phone, dark');
await go(other, '/playground#lang=py&code=broken');
assert(await other.locator('.cm-content').textContent());

// All languages are there and coloured.
const languages = await page.evaluate(() => [...document.querySelectorAll('#language option')].map((option) => option.value));
assert.equal(languages.length, 13);
await page.getByRole('button', {name: 'Close'}).click();
for (const code of languages) {
  await page.locator('#language').selectOption(code);
  await page.waitForFunction(() => document.getElementById('editor').shadowRoot.querySelectorAll('.cm-line span').length > 1);
}
await check(page, 'playground with another language');
const dark = await tab({dark: true});
await go(dark, '/playground');
await check(dark, 'playground dark');
const phone = await tab({width: 'phone'});
await go(phone, '/playground');
await check(phone, 'playground on a phone');

// The keyboard alone gets out of the editor.
await phone.locator('.cm-content').focus();
await phone.keyboard.press('Escape');
await phone.keyboard.press('Tab');
assert(await phone.evaluate(() => document.activeElement.id !== 'editor'));

await browser.close();
console.log(JSON.stringify({problems: browser.problems, snippets}));

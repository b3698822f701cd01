// Takes the pictures of the documents: tools/pictures.py says where they go. Prints what went wrong as JSON.
import {open} from './browser.mjs';

const settings = JSON.parse(process.argv[2]);
const browser = await open(settings);
const {tab, go} = browser;
const take = (page, name) => page.screenshot({path: `${settings.pictures}/${name}.png`, caret: 'hide'});

// Small enough for a document, wide enough for both panes.
async function window(height) {
  const page = await tab();
  await page.setViewportSize({width: 1200, height});
  return page;
}

// First: what it shows is made up, and a run of ours would stand out.
const dashboard = await window(820);
await go(dashboard, '/admin-dashboard');
await dashboard.locator('#key-field').fill(settings.master);
await dashboard.locator('#key-dialog').getByRole('button', {name: 'Log in'}).click();
await dashboard.getByRole('button', {name: '7D: the last 7 days'}).click();
await dashboard.locator('button[aria-pressed="true"]').getByText('7D').waitFor();
await dashboard.locator('.uplot canvas').waitFor();
await take(dashboard, 'dashboard');

const playground = await window(640);
await go(playground, '/playground');
await playground.locator('.cm-content').click();
await playground.keyboard.press('Control+A');
await playground.keyboard.insertText(`import numpy as np
import pandas as pd
import matplotlib.pyplot as plt

x = np.linspace(0, 4 * np.pi, 400)
plt.figure(figsize=(6, 2.4))
plt.plot(x, np.sin(x), label="sin")
plt.plot(x, np.sin(x) * np.exp(-x / 6), label="damped")
plt.legend()
plt.tight_layout()
plt.savefig("waves.png")

table = pd.DataFrame({"x": [0, 1], "sin": np.sin([0, 1]).round(3)})
table.to_csv("values.csv", index=False)
print("Largest value:", np.sin(x).max().round(4))
`);
await playground.keyboard.press('Control+Enter');
await playground.locator('#key-field').fill(settings.key);
await playground.getByRole('button', {name: 'Use this key'}).click();
await playground.getByText('Largest value: 1.0').waitFor();
await playground.locator('#result img').first().waitFor();
await playground.locator('#result table').first().waitFor();
await take(playground, 'playground');

const reference = await window(640);
await go(reference, '/docs');
await reference.locator('#run[open] h4').first().waitFor();
await take(reference, 'reference');

await browser.close();
console.log(JSON.stringify({problems: browser.problems}));

// Opens pages in Chromium and says what is wrong with them: accessibility, what the page's policy forbade, what its scripts threw.
import {readFileSync} from 'node:fs';
import {createRequire} from 'node:module';
import {chromium} from 'playwright-core';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

export const widths = {wide: {width: 1440, height: 900}, phone: {width: 390, height: 844}};

export async function open(settings) {
  const browser = await chromium.launch({
    executablePath: settings.chromium,
    args: [
      '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync',
    ],
  });
  const problems = [];
  // A tab of its own, with nothing kept of another one.
  async function tab({width = 'wide', dark = false} = {}) {
    const context = await browser.newContext({viewport: widths[width], colorScheme: dark ? 'dark' : 'light', acceptDownloads: true, baseURL: settings.url});
    // Chromium gives text that replaces coloured text the same colour, by a style attribute that the policy then forbids it. That is
    // the browser's doing and no loss, since the editor colours the line itself; all else is a mistake of ours.
    await context.addInitScript(() => document.addEventListener('securitypolicyviolation', (event) => {
      if (event.violatedDirective === 'style-src-attr' && event.target.id === 'editor') return;
      console.error(`forbidden by the policy: ${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}`);
    }));
    const page = await context.newPage();
    page.setDefaultTimeout(20_000);
    page.on('pageerror', (error) => problems.push(`script: ${error.message}`));
    page.on('console', (message) => {
      // A request that is refused is written there too; that is what some tests want.
      if (message.type() === 'error' && !/Failed to load resource|violates the following Content Security Policy/.test(message.text())) problems.push(`console: ${message.text()}`);
    });
    page.on('request', (request) => {
      if (!request.url().startsWith(settings.url) && !/^(blob|data):/.test(request.url())) problems.push(`asked another host: ${request.url()}`);
    });
    return page;
  }
  async function go(page, path) {
    await page.goto(path);
    await page.locator('html[data-ready]').waitFor();
  }
  // Run by the debugger, which the page's policy does not bind.
  async function check(page, what) {
    await page.evaluate(axe);
    const found = await page.evaluate(() => globalThis.axe.run({runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'best-practice']}));
    for (const one of found.violations) problems.push(`${what}: ${one.id}: ${one.nodes.map((node) => `${node.target.join(' ')} ${node.failureSummary}`).slice(0, 3).join(' | ')}`);
    const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    if (overflow > 0) problems.push(`${what}: ${overflow} pixels wider than the window`);
    if (settings.pictures) await page.screenshot({path: `${settings.pictures}/${what.replaceAll(' ', '-')}.png`, caret: 'initial'});
  }
  return {tab, go, check, problems, close: () => browser.close()};
}

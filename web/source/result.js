// Shows what a run left: text, errors, images and tables in place, other files to download.
import {bytes, element} from './common.js';
import {parseTable} from './table.js';

const images = /\.(png|jpe?g|gif|webp|svg|bmp)$/i;
const tables = /\.(csv|tsv)$/i;
const types = {svg: 'image/svg+xml', jpg: 'image/jpeg', jpeg: 'image/jpeg', png: 'image/png', gif: 'image/gif', webp: 'image/webp', bmp: 'image/bmp'};
const largestShown = 5 << 20;
const mostRows = 200;
let addresses = [];

async function picture(file, content) {
  // As an image: whatever is in it, no script of it runs.
  const address = URL.createObjectURL(new Blob([content], {type: types[file.name.split('.').pop().toLowerCase()]}));
  addresses.push(address);
  const image = element('img', {src: address, alt: `Image ${file.name}, made by the program`});
  await image.decode().catch(() => {});
  return image;
}

async function table(file, content) {
  const rows = parseTable(await content.text(), /\.tsv$/i.test(file.name) ? '\t' : ',', mostRows + 2);
  if (rows.length < 2) return null;
  const [head, ...lines] = rows;
  const shown = lines.slice(0, mostRows);
  const isNumber = (text) => text.trim() !== '' && Number.isFinite(Number(text));
  const made = element('table', {},
    element('thead', {}, element('tr', {}, head.map((name, i) => element('th', {scope: 'col', class: isNumber(shown[0]?.[i] ?? '') ? 'number' : ''}, name)))),
    element('tbody', {}, shown.map((row) => element('tr', {}, row.map((cell) => element('td', {class: isNumber(cell) ? 'number' : ''}, cell))))));
  const more = lines.length > mostRows ? element('p', {class: 'quiet'}, `The first ${mostRows} rows.`) : null;
  return element('div', {class: 'scroll', tabindex: '0', role: 'region', 'aria-label': `Table ${file.name}`}, made, more);
}

async function figure(file, {contentOf, download}) {
  const shown = element('figure', {});
  const caption = element('figcaption', {}, element('strong', {}, file.name));
  const button = element('button', {type: 'button', class: 'small', onclick: () => download(file), 'aria-label': `Download ${file.name}`}, 'Download');
  if (images.test(file.name) || tables.test(file.name)) {
    try {
      const content = await contentOf(file);
      caption.append(element('span', {class: 'quiet'}, bytes(content.size)));
      const made = content.size > largestShown ? null : images.test(file.name) ? await picture(file, content) : await table(file, content);
      if (made) shown.append(made);
    } catch (problem) {
      caption.append(element('span', {class: 'bad'}, problem.message));
    }
  }
  caption.append(button);
  shown.append(caption);
  return shown;
}

const seconds = (milliseconds) => (milliseconds < 1000 ? `${milliseconds} ms` : `${(milliseconds / 1000).toFixed(2)} s`);

function summary(answer) {
  const time = answer.wall_time === null ? '' : ` in ${seconds(answer.wall_time)}`;
  if (answer.message) return `${answer.message}${time}.`;
  return answer.code ? `Exit code ${answer.code}${time}.` : `Finished${time}.`;
}

// Fills `place` and returns a sentence that says how it went.
export async function showResult(place, answer, helpers) {
  for (const address of addresses) URL.revokeObjectURL(address);
  addresses = [];
  const parts = [];
  if (answer.stdout) parts.push(element('pre', {}, answer.stdout));
  if (answer.stderr) parts.push(element('pre', {class: 'errors', role: 'group', 'aria-label': 'Errors and warnings'}, answer.stderr));
  const made = answer.files.filter((file) => !file.inherited).sort((a, b) => images.test(b.name) - images.test(a.name));
  if (!parts.length && !made.length) parts.push(element('p', {class: 'quiet'}, 'The program printed nothing.'));
  place.replaceChildren(...parts);
  for (const one of await Promise.all(made.map((file) => figure(file, helpers)))) place.append(one);
  return summary(answer);
}

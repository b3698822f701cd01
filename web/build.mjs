// Makes what the server carries (../src/pages/files) of what people write (source/): one script and one style for each page, parts that
// are loaded when they are needed, and the licences of everything that went in. Run by `./dev pages`.
import {build} from 'esbuild';
import {existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync} from 'node:fs';
import {basename, dirname, join} from 'node:path';

const pages = ['playground', 'docs', 'dashboard'];
const out = join(import.meta.dirname, '..', 'src', 'pages', 'files');

const result = await build({
  absWorkingDir: import.meta.dirname,
  entryPoints: pages.map((page) => `source/${page}.js`),
  outdir: out,
  entryNames: '[name]-[hash]',
  chunkNames: 'part-[hash]',
  bundle: true,
  splitting: true,
  format: 'esm',
  minify: true,
  legalComments: 'none',
  target: ['chrome109', 'firefox115', 'safari16.4'],
  metafile: true,
  write: false,
});

mkdirSync(out, {recursive: true});
// The description of the API is written by hand.
for (const name of readdirSync(out)) if (name !== 'openapi.json') rmSync(join(out, name));
for (const file of result.outputFiles) writeFileSync(file.path, file.contents);

// {{script}}, {{style}} and {{parts}} of a page become what they are called now.
for (const page of pages) {
  const [name, output] = Object.entries(result.metafile.outputs).find(([, made]) => made.entryPoint === `source/${page}.js`);
  const needed = output.imports.filter((one) => one.kind === 'import-statement').map((one) => basename(one.path));
  const parts = needed.map((part) => `<link rel="modulepreload" href="/admin-dashboard/static/${part}">`).join('\n');
  const html = readFileSync(join(import.meta.dirname, 'source', `${page}.html`), 'utf8')
    .replace('{{script}}', `/admin-dashboard/static/${basename(name)}`)
    .replace('{{style}}', `/admin-dashboard/static/${basename(output.cssBundle)}`)
    .replace('{{parts}}', parts);
  writeFileSync(join(out, `${page}.html`), html);
}
writeFileSync(join(out, 'icon.svg'), readFileSync(join(import.meta.dirname, 'source', 'icon.svg')));

const packages = new Map();
for (const input of Object.keys(result.metafile.inputs)) {
  const found = input.match(/^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//);
  if (!found) continue;
  const place = join(import.meta.dirname, found[1]);
  const {name, version, license} = JSON.parse(readFileSync(join(place, 'package.json'), 'utf8'));
  const text = readdirSync(place).find((file) => /^licen[cs]e/i.test(file));
  packages.set(name, `${name} ${version} (${license})\n\n${text ? readFileSync(join(place, text), 'utf8').trim() : ''}\n`);
}
const licences = [...packages.keys()].sort().map((name) => packages.get(name));
writeFileSync(join(out, 'licences.txt'), `The pages hold code of these packages.\n\n${licences.join(`\n${'-'.repeat(72)}\n\n`)}`);

// How Node finds and reads ES modules when its program is one in TypeScript: on a thread of Node's own for that.
import fs from 'node:fs';
import {createRequire} from 'node:module';
import {fileURLToPath, pathToFileURL} from 'node:url';

const {translateModule} = createRequire(import.meta.url)('./compiler.js');

// As TypeScript writes them: without an ending, or with the one that the translation would have. And as CommonJS finds them, which
// knows more places.
function candidates(specifier, parent) {
  if (/^(\.{0,2}\/|file:)/.test(specifier)) {
    const url = new URL(specifier, parent).href;
    return [url.replace(/\.js$/, '.ts'), `${url}.ts`, `${url}/index.ts`].filter((name) => name.endsWith('.ts') && fs.existsSync(new URL(name)));
  }
  try {
    return [pathToFileURL(createRequire(parent).resolve(specifier)).href];
  } catch {
    return [];
  }
}

export async function resolve(specifier, context, next) {
  try {
    return await next(specifier, context);
  } catch (error) {
    if (!['ERR_MODULE_NOT_FOUND', 'ERR_UNSUPPORTED_DIR_IMPORT'].includes(error.code)) throw error;
    const [url] = candidates(specifier, context.parentURL);
    if (url === undefined) throw error;
    return {url, shortCircuit: true};
  }
}

export async function load(url, context, next) {
  if (!url.endsWith('.ts')) return next(url, context);
  const name = fileURLToPath(url);
  return {format: 'module', source: translateModule(fs.readFileSync(name, 'utf8'), name), shortCircuit: true};
}

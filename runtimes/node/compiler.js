'use strict';
// The compiler of TypeScript. Node parses its ten megabytes each time it is loaded; what V8 made of them when the server was built
// (prepare.js) takes a fifth of the time. That is of a copy in ASCII, which takes half the memory.
// Both count only for the very file and the very Node that they were made with: V8 itself looks at little more than the length.
const fs = require('fs');
const vm = require('vm');
const Module = require('module');
const path = require('path');

const {compiler: file} = require('./typescript_place.js');

// Where both are kept, for the compiler that is installed, without the ending. In whole seconds, as archives and layers of images keep times.
const keptAs = (directory) => {
  const {size, mtimeMs} = fs.statSync(file);
  const {version} = JSON.parse(fs.readFileSync(path.join(file, '../../package.json'), 'utf8'));
  return `${directory}/typescript-${version}-${size}-${Math.floor(mtimeMs / 1000)}-${process.version}-${process.arch}`;
};

// The same program, whose other characters are in texts, patterns and comments. One behind a backslash would change its meaning.
const escaped = (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`;
const inAscii = (text) => (/\\[^\0-\x7f]/.test(text) ? text : text.replace(/[^\0-\x7f]/g, escaped));

function load() {
  let text, cachedData;
  // Made by the server when it ran, or with it.
  for (const directory of ['/prepared/node', __dirname]) {
    try {
      text = fs.readFileSync(`${keptAs(directory)}.js`, 'latin1');
      cachedData = fs.readFileSync(`${keptAs(directory)}.cache`);
      break;
    } catch {
      text = undefined;
    }
  }
  text ??= inAscii(fs.readFileSync(file, 'utf8'));
  const script = new vm.Script(Module.wrap(text), {filename: file, cachedData});
  const module = {exports: {}};
  script.runInThisContext().call(module.exports, module.exports, Module.createRequire(file), module, file, `${file}/..`);
  return {script, text, ts: module.exports};
}

const {script, text, ts} = load();
exports.ts = ts;

const options = {
  module: ts.ModuleKind.CommonJS,
  target: ts.ScriptTarget.ES2019,
  esModuleInterop: true,
  inlineSourceMap: true,
};

// Uses what most programs use, so that it is ready.
const sample = `import * as fs from 'fs';
import {join} from 'path';
enum Color { Red, Green = 'g' as any }
interface Shape<T> { area(): number; name?: T }
type Keys = keyof Shape<string>;
abstract class Base<T extends object> implements Shape<T> {
  static count = 0;
  constructor(protected readonly side: number, public name?: T) { Base.count++; }
  area(): number { return this.side ** 2; }
  get double(): number { return this.side * 2; }
}
class Square extends Base<{}> { private x: number = 1; async later(): Promise<number> { await null; return this.x ?? 0; } }
const numbers: number[] = [1, 2, 3].map((n): number => n * 2);
for (const [key, value] of Object.entries({a: 1, ...{b: 2}})) console.log(\`\${key}\`, value as unknown);
function* generate<T>(items: T[]): Iterable<T> { for (const item of items) yield item; }
(async () => { try { console.log(join('a', 'b'), fs.existsSync('/'), new Square(2)?.area()!); } catch { } finally { } })();
namespace Inner { export const a = 1; }
export const all = {numbers, generate, Color, Inner};
`;

const {usesOldDecorators} = require('./decorators.js');

function transpile(text, fileName, basic) {
  const compilerOptions = {...basic, experimentalDecorators: usesOldDecorators(ts, text, fileName)};
  return ts.transpileModule(text, {compilerOptions, fileName, reportDiagnostics: true});
}

const moduleOptions = {...options, module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022, moduleDetection: ts.ModuleDetectionKind.Force};

// What came with TypeScript 5.2.
const awaitUsing = ts.NodeFlags.AwaitUsing;
const isAwaitUsing = (node) => awaitUsing !== undefined && ts.isVariableDeclarationList(node) && (node.flags & awaitUsing) === awaitUsing;

// Whether it waits outside of functions, or asks for import.meta: both exist only in ES modules.
function needsModule(text, name) {
  if (!/\bawait\b|\bimport\s*\.\s*meta\b/.test(text)) return false;
  const visit = (node, inFunction) => {
    if (ts.isMetaProperty(node) && node.keywordToken === ts.SyntaxKind.ImportKeyword) return true;
    if (!inFunction && (ts.isAwaitExpression(node) || (ts.isForOfStatement(node) && node.awaitModifier) || isAwaitUsing(node))) return true;
    const inside = inFunction || ts.isFunctionLike(node);
    return ts.forEachChild(node, (child) => visit(child, inside)) === true;
  };
  // The parser reads await otherwise in what it does not take for a module.
  return visit(ts.createSourceFile(name, `${text}\nexport {};`, ts.ScriptTarget.ES2022), false);
}

// {outputText, diagnostics, isModule}: what runs as CommonJS, or is an ES module where nothing else will do.
const translate = (text, name) => {
  const isModule = needsModule(text, name);
  return {...transpile(text, name, isModule ? moduleOptions : options), isModule};
};

exports.translate = translate;
exports.translateModule = (text, name) => transpile(text, name, moduleOptions).outputText;

exports.practise = () => {
  for (let i = 0; i < 2; i++) translate(sample, 'sample.ts');
  translate('let = ;', 'sample.ts');
};

// For the next process: the text, and what V8 knows of it by now.
exports.keep = (directory) => {
  if (/[^\0-\x7f]/.test(text)) throw new Error('it cannot be written in ASCII');
  fs.writeFileSync(`${keptAs(directory)}.js`, text, 'latin1');
  fs.writeFileSync(`${keptAs(directory)}.cache`, script.createCachedData());
};

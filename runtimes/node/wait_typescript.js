'use strict';
// TypeScript, started ahead as `node --require THIS /mnt/data/code.ts`: loads the compiler and has it translate a sample, waits, translates
// the program, and ends. Node then goes on to its main module. Types are not checked; errors of syntax are printed as tsc prints them.
const Module = require('module');
const fs = require('fs');
const ahead = require('./ahead.js');
const ts = require('typescript');

const script = '/mnt/data/code.ts';
const options = {
  module: ts.ModuleKind.CommonJS,
  target: ts.ScriptTarget.ES2019,
  esModuleInterop: true,
  experimentalDecorators: true,
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

const translate = (text, name) => ts.transpileModule(text, {compilerOptions: options, fileName: name, reportDiagnostics: true});

function printErrors(diagnostics) {
  const host = {getCurrentDirectory: () => '/mnt/data', getNewLine: () => '\n', getCanonicalFileName: (name) => name};
  fs.writeSync(2, ts.formatDiagnostics(diagnostics, host));
}

ahead.warmUp();
for (let i = 0; i < 2; i++) translate(sample, script);
translate('let = ;', script);

const ours = Object.keys(require.cache);
ahead.wait(...ours);
const program = translate(fs.readFileSync(script, 'utf8'), script);
if (program.diagnostics.length > 0) {
  printErrors(program.diagnostics);
  process.exit(2); // as tsc
}
ahead.sayCompiled();
ahead.done();

process.setSourceMapsEnabled(true); // messages name the lines of the program, not of its translation
// For other files of TypeScript that the program asks for as well.
Module._extensions['.ts'] = (module, name) => {
  const {outputText} = name === script ? program : translate(fs.readFileSync(name, 'utf8'), name);
  module._compile(outputText, name);
};

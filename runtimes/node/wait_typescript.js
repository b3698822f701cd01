'use strict';
// TypeScript, started ahead as `node --require THIS /mnt/data/code.ts`: loads the compiler and has it translate a sample, waits, translates
// the program, and ends. Node then goes on to its main module. Types are not checked; errors of syntax are printed as tsc prints them.
const Module = require('module');
const fs = require('fs');
const {isMainThread} = require('worker_threads');
const ahead = require('./ahead.js');
const typescript = require('./typescript.js');

const script = '/mnt/data/code.ts';

function printErrors(ts, diagnostics) {
  const host = {getCurrentDirectory: () => '/mnt/data', getNewLine: () => '\n', getCanonicalFileName: (name) => name};
  fs.writeSync(2, ts.formatDiagnostics(diagnostics, host));
}

// A program with a map, run: reading the first one takes Node longer than translating does.
function runSample(translate) {
  const {outputText} = translate('export const sample: number = 1;', '/tmp/sample.ts');
  new Module('/tmp/sample.ts')._compile(outputText, '/tmp/sample.ts');
}

function isInModulePackage() {
  try {
    return JSON.parse(fs.readFileSync('/mnt/data/package.json', 'utf8')).type === 'module';
  } catch {
    return false;
  }
}

function waitForProgram() {
  const {ts, translate, practise} = require('./compiler.js');
  if (!ahead.isAwaited) {
    ahead.warmUp();
    practise();
    runSample(translate);
  }
  ahead.wait();
  const program = translate(fs.readFileSync(script, 'utf8'), script);
  if (program.diagnostics.length > 0) {
    printErrors(ts, program.diagnostics);
    process.exit(2); // as tsc
  }
  typescript.setMain(script, program);
  if (isInModulePackage()) typescript.registerModules(); // Node takes the program itself for one, too
  ahead.sayCompiled();
  ahead.done();
}

if (isMainThread) waitForProgram();
ahead.vanish();
process.execArgv = ['--require', `${__dirname}/typescript.js`]; // for Nodes that it starts with its own source

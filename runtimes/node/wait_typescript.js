'use strict';
// TypeScript, started ahead as `node --require THIS /mnt/data/code.ts`: loads the compiler and has it translate a sample, waits, translates
// the program, and ends. Node then goes on to its main module. Types are not checked; errors of syntax are printed as tsc prints them.
const Module = require('module');
const fs = require('fs');
const ahead = require('./ahead.js');
const {ts, translate, practise} = require('./compiler.js');

const script = '/mnt/data/code.ts';

function printErrors(diagnostics) {
  const host = {getCurrentDirectory: () => '/mnt/data', getNewLine: () => '\n', getCanonicalFileName: (name) => name};
  fs.writeSync(2, ts.formatDiagnostics(diagnostics, host));
}

// A program with a map, run: reading the first one takes Node longer than translating does.
function runSample() {
  const {outputText} = translate('export const sample: number = 1;', '/tmp/sample.ts');
  new Module('/tmp/sample.ts')._compile(outputText, '/tmp/sample.ts');
}

ahead.warmUp();
practise();
process.setSourceMapsEnabled(true); // messages name the lines of the program, not of its translation
runSample();

const ours = Object.keys(require.cache);
ahead.wait(...ours);
const program = translate(fs.readFileSync(script, 'utf8'), script);
if (program.diagnostics.length > 0) {
  printErrors(program.diagnostics);
  process.exit(2); // as tsc
}
ahead.sayCompiled();
ahead.done();

// For other files of TypeScript that the program asks for as well.
Module._extensions['.ts'] = (module, name) => {
  const {outputText} = name === script ? program : translate(fs.readFileSync(name, 'utf8'), name);
  module._compile(outputText, name);
};

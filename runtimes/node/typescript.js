'use strict';
// What makes Node run files of TypeScript: loaded with --require into each Node and each of its threads that a TypeScript program starts.
// The compiler is loaded when the first such file is asked for.
const Module = require('module');
const fs = require('fs');
const {pathToFileURL} = require('url');

// The compiler, loaded while the program runs, is as little for it to find as what was loaded before it.
let loaded;
function compiler() {
  if (loaded === undefined) {
    loaded = require('./compiler.js');
    for (const name of ['./compiler.js', './decorators.js', './typescript_place.js']) delete require.cache[require.resolve(name)];
  }
  return loaded;
}
let main; // the program, when it has been translated already

const translated = (name) => (main?.name === name ? main.translation : compiler().translate(fs.readFileSync(name, 'utf8'), name));

exports.registerModules = () => Module.register('./typescript_modules.mjs', pathToFileURL(__filename));

// A program that only runs as an ES module. Node looks at a name's ending before it asks anybody else, and takes .ts for CommonJS.
function runAsModule(name) {
  exports.registerModules();
  const url = pathToFileURL(name);
  // As Node says of a program that waits for what never comes.
  const neverSettled = () => {
    if (process.exitCode !== undefined) return;
    fs.writeSync(2, `Warning: Detected unsettled top-level await at ${url}\n`);
    process.exitCode = 13;
  };
  process.once('beforeExit', neverSettled);
  import(url).finally(() => process.off('beforeExit', neverSettled)); // whoever fails is reported as any rejection is
}

process.setSourceMapsEnabled(true); // messages name the lines of the program, not of its translation
Module._extensions['.ts'] = (module, name) => {
  const {outputText, isModule} = translated(name);
  if (!isModule) return module._compile(outputText, name);
  if (process.argv[1] !== name || module.parent) throw new Error(`${name} can only be imported by an ES module: it uses await or import.meta`);
  return runAsModule(name);
};

exports.setMain = (name, translation) => (main = {name, translation});

delete require.cache[__filename];

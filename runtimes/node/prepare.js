#!/usr/bin/node
'use strict';
// prepare.js NODE DIRECTORY: makes what compiler.js looks for, where TypeScript is installed. Run when the server is built, and by a server
// when files of the system have changed since.
const fs = require('fs');

const [, , , directory] = process.argv;
for (const old of fs.readdirSync(directory)) {
  if (old.startsWith('typescript-')) fs.unlinkSync(`${directory}/${old}`);
}
try {
  const compiler = require('./compiler.js');
  compiler.practise();
  compiler.keep(directory);
} catch (error) {
  console.log(`TypeScript is not prepared: ${error.message.split('\n')[0]}`); // it is slower to start then
}
// Which files that was made of, for a server to see when it is to be made again (src/app/preparations.h).
const ours = ['compiler.js', 'decorators.js', 'typescript_place.js'].map((name) => `${__dirname}/${name}`);
const inputs = [__filename, ...ours, process.execPath, ...require('./typescript_place.js').signs];
const facts = inputs.map((input) => fs.realpathSync(input)).map((input) => [fs.statSync(input), input]);
fs.writeFileSync(`${directory}/inputs.txt`, facts.map(([{size, mtimeMs}, input]) => `${size} ${Math.floor(mtimeMs / 1000)} ${input}\n`).join(''));
fs.writeFileSync(`${directory}/prepared`, '');

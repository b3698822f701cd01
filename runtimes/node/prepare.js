#!/usr/bin/node
'use strict';
// prepare.js NODE DIRECTORY: makes what compiler.js looks for, where TypeScript is installed. Run when the server is built.
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
fs.writeFileSync(`${directory}/prepared`, '');

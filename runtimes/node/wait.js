'use strict';
// Node, started ahead: says that it is ready, waits for the word to go, then is `node /mnt/data/code.js ARGS`.
const fs = require('fs');
const Module = require('module');

const go = 3;
const script = '/mnt/data/code.js';

const hello = Buffer.alloc(5);
hello.write('R');
hello.writeInt32LE(process.pid, 1);
fs.writeSync(go, hello);

const pieces = [];
const buffer = Buffer.alloc(65536);
for (;;) {
  const got = fs.readSync(go, buffer, 0, buffer.length, null);
  if (got === 0) break;
  pieces.push(Buffer.from(buffer.subarray(0, got)));
}
fs.closeSync(go);
const words = Buffer.concat(pieces);
if (words.length === 0) process.exit(0);
process.argv = [process.execPath, script, ...words.subarray(1).toString().split('\0').slice(0, -1)];
delete require.cache[__filename];
Module.runMain(script);

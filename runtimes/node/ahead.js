'use strict';
// What every Node that is started ahead does: warm itself up, and speak with the agent (sandbox/guest/words.h).
const childProcess = require('child_process');
const {Console} = require('console');
const fs = require('fs');
const net = require('net');

const fromAgent = 3, toAgent = 4;
const words = {ready: 'R', compiled: 'C'};

// Somebody waits for this very process: getting ready soon is worth more than being quick afterwards.
exports.isAwaited = process.env.KUBECODERUN_AWAITED !== undefined;
delete process.env.KUBECODERUN_AWAITED;

// Node compiles its own library when it is first used: printing one line costs more than all else a short program does. So it prints
// once into a pipe of its own. The real standard streams stay untouched: what a program and its children may still do with them differs.
exports.warmUp = () => {
  const fifo = '/tmp/.ahead';
  childProcess.spawnSync('/usr/bin/mkfifo', [fifo]);
  const pipe = fs.openSync(fifo, 'r+');
  fs.unlinkSync(fifo);
  const stream = new net.Socket({fd: pipe, readable: false, writable: true});
  const console = new Console({stdout: stream, colorMode: false}); // to ask whether there are colours opens the real ones
  console.log('text %d', 1, [1.5, 'text', null], {a: {b: new Map([[1, 2]])}}, new Error('text'));
  console.error('text');
  // Node forgets a handle when it next handles events: until then nobody is to see it. destroy() would open the real ones.
  stream._handle.unref();
  stream._handle.close();
  process._tickCallback(); // what is left to be done would else run, and show, in the program's first turn
};

// Says that it is ready and waits. Then the arguments are where a program expects them.
exports.wait = () => {
  const hello = Buffer.alloc(5);
  hello.write(words.ready);
  hello.writeInt32LE(process.pid, 1);
  fs.writeSync(toAgent, hello);
  const pieces = [];
  const buffer = Buffer.alloc(65536);
  for (let got; (got = fs.readSync(fromAgent, buffer, 0, buffer.length, null)) > 0; ) pieces.push(Buffer.from(buffer.subarray(0, got)));
  const said = Buffer.concat(pieces);
  if (said.length === 0) process.exit(0); // the server let go of us
  process.argv.push(...said.subarray(1).toString().split('\0').slice(0, -1));
};

// Nothing of ours is left for the program to find, nor for Nodes that it starts.
exports.vanish = () => {
  process.execArgv = [];
  process._preload_modules.length = 0;
  for (const name of Object.keys(require.cache)) delete require.cache[name];
};

exports.sayCompiled = () => fs.writeSync(toAgent, words.compiled);

exports.done = () => {
  for (const fd of [fromAgent, toAgent]) fs.closeSync(fd);
};

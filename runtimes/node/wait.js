'use strict';
// Node, started ahead as `node --require THIS /mnt/data/code.js`: waits for a program and ends. Node then goes on to its main module,
// which is there by now: no frame of ours is in its traces. Each thread that the program starts loads this as well.
const {isMainThread} = require('worker_threads');
const ahead = require('./ahead.js');

if (isMainThread) {
  if (!ahead.isAwaited) ahead.warmUp();
  ahead.wait();
  ahead.done();
}
ahead.vanish();

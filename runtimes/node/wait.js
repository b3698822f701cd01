'use strict';
// Node, started ahead as `node --require THIS /mnt/data/code.js`: waits for a program and ends. Node then goes on to its main module,
// which is there by now: no frame of ours is in its traces.
const ahead = require('./ahead.js');

ahead.warmUp();
ahead.wait(__filename);
ahead.done();

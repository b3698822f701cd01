const fs = require('fs');
const {Worker} = require('worker_threads');
fs.writeFileSync('/tmp/worker.mjs', "import {parentPort} from 'worker_threads'; parentPort.postMessage([import.meta.url, process.execArgv]);");
const run = (options, then) => new Worker('/tmp/worker.mjs', options).on('message', (m) => console.log(m)).on('error', (e) => console.log(e)).on('exit', then);
run({}, () => run({execArgv: ['--no-warnings']}, () => run({env: {A: '1'}})));

const {Worker} = require('worker_threads');
const text = "require('worker_threads').parentPort.postMessage([process.execArgv, process.argv.length, Object.keys(require.cache)])";
new Worker(text, {eval: true}).on('message', (m) => console.log(m)).on('error', (e) => console.log(e));

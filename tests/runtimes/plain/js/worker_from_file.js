const {Worker, isMainThread, parentPort, workerData} = require('worker_threads');
if (isMainThread) {
  const worker = new Worker(__filename, {workerData: 20, argv: ['a']});
  worker.on('message', (m) => console.log('message', m)).on('exit', (c) => console.log('exit', c));
} else {
  parentPort.postMessage([workerData + 1, process.argv.slice(2), process.execArgv, Object.keys(require.cache), require.main === module]);
}

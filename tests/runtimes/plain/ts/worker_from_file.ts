import {Worker, isMainThread, parentPort, workerData} from 'worker_threads';
if (isMainThread) {
  new Worker(__filename, {workerData: 20}).on('message', (m: number) => console.log(m)).on('error', (e) => console.log(e));
} else {
  const n: number = workerData;
  parentPort!.postMessage(n + 1);
}

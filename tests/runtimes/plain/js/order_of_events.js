const seen = [];
setTimeout(() => seen.push('0 ms'), 0);
setTimeout(() => seen.push('60 ms'), 60);
setTimeout(() => seen.push('30 ms'), 30);
setTimeout(() => setImmediate(() => seen.push('immediate')), 0);
process.nextTick(() => seen.push('tick'));
Promise.resolve().then(() => seen.push('promise'));
queueMicrotask(() => seen.push('microtask'));
process.on('exit', () => console.log(seen.join(', ')));

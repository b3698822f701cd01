const begin = process.hrtime.bigint();
setTimeout(() => console.log(process.hrtime.bigint() - begin > 290_000_000n, performance.now() > 290), 300);

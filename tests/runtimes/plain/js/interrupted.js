process.once('SIGTERM', () => { console.log('terminated'); process.kill(process.pid, 'SIGKILL'); });
process.kill(process.pid, 'SIGTERM');
setTimeout(() => {}, 1000);

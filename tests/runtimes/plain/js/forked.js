const {fork, execFileSync} = require('child_process');
if (process.argv[2] === 'child') {
  process.send([process.execArgv, process.argv.slice(2)]);
  process.disconnect();
} else {
  console.log(execFileSync(process.execPath, ['-p', '[process.execArgv, process.argv.length]']).toString());
  fork(__filename, ['child', 'x']).on('message', (m) => console.log(m)).on('exit', (c) => console.log('exit', c));
}

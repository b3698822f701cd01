import {fork} from 'child_process';
if (process.argv[2] === 'child') { const n: number = 42; process.send!(n); process.disconnect(); }
else fork(__filename, ['child']).on('message', (m) => console.log(m)).on('exit', (c) => console.log('exit', c));

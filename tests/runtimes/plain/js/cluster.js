const cluster = require('cluster');
if (cluster.isPrimary) {
  cluster.fork({TASK: '6'}).on('message', (m) => console.log(m)).on('exit', (c) => console.log('exit', c));
} else {
  process.send(process.env.TASK * 7, () => process.exit(3));
}

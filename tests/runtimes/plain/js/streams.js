const {pipeline, Readable, Transform} = require('stream');
const up = new Transform({transform(c, e, f) { f(null, String(c).toUpperCase()); }});
pipeline(Readable.from(['a', 'b\n']), up, process.stdout, (e) => console.error('done', e));
console.log(process.stdout.isTTY, process.stdin.isTTY, process.stdout.writableHighWaterMark, process.stdout.constructor.name);

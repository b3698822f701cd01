safe('begun');
const fs = require('fs'), piece = Buffer.alloc(65536, 'x');
const all = (fd) => { for (let n = 0; n < piece.length;) { try { n += fs.writeSync(fd, piece, n); } catch (e) { if (e.code !== 'EAGAIN') throw e; } } };
for (let i = 0; i < 500; i++) { all(1); all(2); }

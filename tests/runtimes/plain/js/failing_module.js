import fs from 'fs';
console.log('before');
await Promise.resolve();
throw new TypeError('bad thing');

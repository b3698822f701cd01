'use strict';
// Where TypeScript is: with the libraries from npm, which have a current one, or else where Debian has its own.
const fs = require('fs');
const path = require('path');

const places = ['/usr/lib/kubecoderun/node/node_modules/typescript', '/usr/share/nodejs/typescript'];
const place = places.find((directory) => fs.existsSync(`${directory}/lib/typescript.js`)) ?? places.at(-1);

exports.compiler = path.join(place, 'lib/typescript.js');
exports.command = path.join(place, 'lib/tsc.js');

'use strict';
// Where TypeScript is: with the libraries from npm, which have a current one, or else where Debian has its own.
const fs = require('fs');

const libraries = '/usr/lib/kubecoderun';
const places = [`${libraries}/node/node_modules/typescript`, '/usr/share/nodejs/typescript'];
const place = places.find((directory) => fs.existsSync(`${directory}/lib/typescript.js`)) ?? places.at(-1);

exports.compiler = `${place}/lib/typescript.js`;
// What changes when it is another one; without those libraries also the directory in which they will appear.
exports.signs = [exports.compiler, `${place}/package.json`];
if (place !== places[0]) exports.signs.push(fs.existsSync(libraries) ? libraries : '/usr/lib');

import fs from 'fs';
import {createRequire} from 'node:module';
console.log(typeof fs.readFileSync, import.meta.url, await Promise.resolve(5), typeof require, typeof createRequire(import.meta.url), this);

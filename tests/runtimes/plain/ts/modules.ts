import * as fs from 'fs';
import * as path from 'path';
import {join} from 'path';
import type {Stats} from 'fs';
const stats: Stats = fs.statSync('/');
console.log(join('a', 'b'), path.sep, stats.isDirectory(), typeof require, module.id, __filename.split('.')[0]);

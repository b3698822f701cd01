import data from './data.json' with {type: 'json'};
import {twice} from './helper.js';
console.log(twice(data.n), import.meta.dirname);

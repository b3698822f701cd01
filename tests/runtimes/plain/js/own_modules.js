const {twice} = require('./helper');
const data = require('./data.json');
import('./module.mjs').then(({thrice}) => console.log(twice(data.n), thrice(data.n), Object.keys(require.cache).length));

const vm = require('vm');
console.log(vm.runInNewContext('a + 1', {a: 1}), vm.runInThisContext('typeof require'));
try {
  new vm.Script('let = 3', {filename: 'inner.js'});
} catch (e) {
  console.log(e.stack.split('\n').slice(0, 3).join('|'));
}

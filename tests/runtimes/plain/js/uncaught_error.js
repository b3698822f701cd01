function f() {
  throw new TypeError('bad thing');
}
console.log('before');
f();

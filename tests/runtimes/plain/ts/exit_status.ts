enum E { A = 7 }
console.log('before');
process.exit(E.A)

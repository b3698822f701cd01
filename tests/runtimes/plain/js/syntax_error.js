console.log('before');
let = = 3;

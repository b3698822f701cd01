process.on('uncaughtException', (e, origin) => console.log(origin, e.message));
process.on('unhandledRejection', (e) => console.log('rejected', e.message));
process.on('beforeExit', (c) => console.log('before exit', c));
Promise.reject(new Error('a'));
setTimeout(() => { throw new Error('b'); }, 5);

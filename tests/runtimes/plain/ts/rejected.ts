process.on('unhandledRejection', (e: Error) => { console.log('lost', e.message); process.exit(9); });
Promise.reject(new Error('x'));

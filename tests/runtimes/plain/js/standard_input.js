process.stdin.on('data', d => console.log(d)).on('end', () => console.log('end'))

setTimeout(() => console.log('late'), 20); (async () => { await null; console.log('soon') })()

console.log('hello', process.argv.slice(2), __filename, __dirname, process.cwd())

console.log(require.main === module, module.paths[0], process.argv0, module.children.length, Object.keys(global))

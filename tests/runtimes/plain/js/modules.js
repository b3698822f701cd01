const os = require('os'), {join} = require('path'); console.log(join('a', 'b'), typeof os.cpus)

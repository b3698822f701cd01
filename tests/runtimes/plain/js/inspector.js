const inspector = require('inspector');
const session = new inspector.Session();
session.connect();
session.post('Runtime.evaluate', {expression: '1 + 2'}, (error, {result}) => console.log(error, result.value, inspector.url(), process.execArgv));

const safe = (text) => require('fs').writeSync(1, `SAFE ${text}\n`), vulnerable = (text) => require('fs').writeSync(1, `VULNERABLE ${text}\n`);
if (process.getuid() !== 65532 || process.cwd() !== '/mnt/data') { vulnerable('this is not a sandbox'); process.exit(99); }

console.log('before');
class Failure extends Error { constructor(readonly code: number) { super(`code ${code}`); } }
try { throw new Failure(3); } catch (e) { console.log((e as Failure).code, e instanceof Failure); }
process.exitCode = 5;

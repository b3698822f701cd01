const wait = (ms: number) => new Promise<void>((done) => setTimeout(done, ms));
async function* count(to: number): AsyncGenerator<number> { for (let i = 0; i < to; i++) { await wait(1); yield i; } }
(async () => { for await (const n of count(3)) console.log(n); })();

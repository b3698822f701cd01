import asyncio
async def worker(name, queue, results):
    while (item := await queue.get()) is not None:
        results.append((name, item))
        await asyncio.sleep(0)
async def main():
    queue, results = asyncio.Queue(), []
    tasks = [asyncio.create_task(worker("w", queue, results))]
    for i in (1, 2, None):
        await queue.put(i)
    await asyncio.gather(*tasks)
    print(results)
    process = await asyncio.create_subprocess_exec("echo", "hi", stdout=asyncio.subprocess.PIPE)
    print(await process.communicate())
    async with asyncio.timeout(0.01):
        await asyncio.sleep(10)
asyncio.run(main())

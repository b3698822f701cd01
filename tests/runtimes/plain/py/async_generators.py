import asyncio
async def numbers():
    try:
        for i in range(5):
            yield i
            await asyncio.sleep(0)
    finally:
        print("closed")
async def main():
    async for n in numbers():
        print(n)
        if n == 1:
            break
    asyncio.get_running_loop().call_soon(print, "soon")
    try:
        await asyncio.gather(fail(), asyncio.sleep(0.01))
    except ValueError as error:
        print("caught", error)
    asyncio.create_task(forever())
    await asyncio.sleep(0)
async def fail():
    raise ValueError("in a task")
async def forever():
    try:
        await asyncio.sleep(1000)
    except asyncio.CancelledError:
        print("cancelled")
        raise
asyncio.run(main(), debug=False)

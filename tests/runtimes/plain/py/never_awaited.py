import asyncio
async def f():
    pass
f()
async def late():
    raise ValueError("lost")
async def main():
    task = asyncio.create_task(late())
    await asyncio.sleep(0)
asyncio.run(main())

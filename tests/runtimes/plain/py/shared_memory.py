from multiprocessing import Lock, Manager, Process, Queue, Value, shared_memory
def add(value, queue, lock):
    with lock:
        value.value += 1
    queue.put(value.value > 0)
if __name__ == "__main__":
    value, queue, lock = Value("i", 0), Queue(), Lock()
    workers = [Process(target=add, args=(value, queue, lock)) for _ in range(3)]
    for w in workers: w.start()
    for w in workers: w.join()
    print(value.value, [queue.get() for _ in workers], [w.exitcode for w in workers])
    block = shared_memory.SharedMemory(create=True, size=16)
    block.buf[:3] = b"abc"
    print(bytes(block.buf[:3]))
    block.close()
    block.unlink()
    with Manager() as manager:
        shared = manager.dict(a=1)
        print(dict(shared))

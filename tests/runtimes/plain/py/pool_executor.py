from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
import os
def work(n):
    return n * n, os.getpid() != parent
parent = os.getpid()
with ProcessPoolExecutor(2) as pool:
    print(list(pool.map(work, range(3))))
with ThreadPoolExecutor(2) as pool:
    print([r[0] for r in pool.map(work, range(3))])

import multiprocessing
def work(n):
    if n == 2:
        raise ValueError(f"bad {n}")
    return n
if __name__ == "__main__":
    with multiprocessing.get_context("fork").Pool(1) as pool:
        try:
            pool.map(work, [1, 2, 3])
        except ValueError as error:
            print("parent caught", error, type(error.__cause__).__name__)
    p = multiprocessing.get_context("fork").Process(target=work, args=(2,), name="child")
    p.start()
    p.join()
    print(p.exitcode)

import multiprocessing, sys
class Point:
    def __init__(self, x):
        self.x = x
    def __repr__(self):
        return f"Point({self.x})"
def double(point):
    return Point(point.x * 2)
if __name__ == "__main__":
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        print(pool.map(double, [Point(1), Point(2)]))
    with multiprocessing.get_context("fork").Pool(2) as pool:
        print(pool.map(double, [Point(3)]))
    print(sys.modules["__mp_main__"] is sys.modules["__main__"], multiprocessing.current_process().name, multiprocessing.get_start_method())

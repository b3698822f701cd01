import doctest
def add(a, b):
    """
    >>> add(1, 2)
    4
    >>> add("a", 1)
    """
    return a + b
if __name__ == "__main__":
    print(doctest.testmod())

import doctest, unittest
def add(a, b):
    """
    >>> add(1, 2)
    3
    """
    return a + b
class AddTest(unittest.TestCase):
    def test_add(self):
        self.assertEqual(add(1, 1), 2)
print(doctest.testmod())
suite = unittest.defaultTestLoader.loadTestsFromName("__main__")
print(unittest.TextTestRunner(stream=open("/dev/null", "w")).run(suite))
unittest.main(argv=["x"], exit=False, testRunner=unittest.TextTestRunner(stream=open("/dev/null", "w")))

import io, unittest
class T(unittest.TestCase):
    def test_equal(self):
        self.assertEqual([1, 2], [1, 3])
    def test_error(self):
        {}["key"]
    @unittest.skip("not now")
    def test_skipped(self):
        pass
stream = io.StringIO()
result = unittest.main(exit=False, argv=["x", "-v"], testRunner=unittest.TextTestRunner(stream=stream, verbosity=2)).result
print("\n".join(line for line in stream.getvalue().splitlines() if not line.startswith("Ran ")))
print(result)

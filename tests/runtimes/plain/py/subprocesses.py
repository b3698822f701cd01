import pathlib, subprocess, sys
pathlib.Path("solve.py").write_text("import pdb, doctest, code\nprint('solved', code.__file__.startswith('/usr/lib'))\n")
print(subprocess.run([sys.executable, "solve.py"], capture_output=True, text=True))
pathlib.Path("doc.py").write_text('def f(x):\n    """\n    >>> f(2)\n    4\n    >>> f(3)\n    7\n    """\n    return 2 * x\n')
print(subprocess.run([sys.executable, "-m", "doctest", "doc.py"], capture_output=True, text=True).stdout)
pathlib.Path("test_it.py").write_text("import unittest\nclass T(unittest.TestCase):\n    def test_a(self):\n        self.assertEqual(1, 2)\n")
ran = subprocess.run([sys.executable, "-m", "unittest", "-q"], capture_output=True, text=True)
print(ran.returncode, "FAILED (failures=1)" in ran.stderr)
if len(sys.argv) > 1:
    print(subprocess.run([sys.executable, __file__], capture_output=True, text=True).returncode)
print(subprocess.check_output(["python3", "-c", "import sys; print(sys.path[0] == '', sys.flags.isolated)"], text=True))

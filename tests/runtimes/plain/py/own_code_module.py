import code
print(code.WHOSE, code.__file__)

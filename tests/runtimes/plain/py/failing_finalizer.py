class A:
    def __del__(self):
        raise ValueError("in del")
a = A()
class B:
    def __del__(self):
        print("b", a)
b = B()
print("end")

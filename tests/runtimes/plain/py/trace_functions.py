import sys
lines = []
def tracer(frame, event, argument):
    lines.append((event, frame.f_code.co_name, frame.f_lineno, frame.f_back.f_code.co_name if frame.f_back else None))
    return tracer
def f():
    return 1
sys.settrace(tracer)
f()
sys.settrace(None)
print(lines)
sys.setprofile(lambda *a: lines.append(a[1:]))
f()
sys.setprofile(None)
print(len(lines))

import sys
def hook(kind, error, trace):
    print("hook", kind.__name__, error, trace.tb_lineno, trace.tb_next)
    raise RuntimeError("the hook fails")
sys.excepthook = hook
raise ValueError("original")

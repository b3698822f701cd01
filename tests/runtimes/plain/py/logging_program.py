import logging, logging.handlers, sys, warnings
logging.captureWarnings(True)
logging.basicConfig(level=logging.DEBUG, format="%(levelname)s %(name)s %(module)s %(funcName)s %(lineno)d %(message)s", stream=sys.stdout)
memory = logging.handlers.MemoryHandler(100, target=logging.StreamHandler(sys.stdout))
logging.getLogger("m").addHandler(memory)
logging.getLogger("m").info("kept until the end")
def f():
    logging.getLogger("a.b").warning("with %s", "args", stack_info=True)
f()
warnings.warn("captured")
try:
    1 / 0
except ZeroDivisionError:
    logging.exception("failed")
logging.getLogger().error("bad format %d", "x")
print(logging.getLogger("x").getEffectiveLevel(), 0 <= logging.LogRecord("n", 1, "p", 1, "m", (), None).relativeCreated < 60000)

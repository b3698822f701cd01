f <- function() { print(sys.calls()); traceback(1) }
f(); sys.nframe(); warnings()

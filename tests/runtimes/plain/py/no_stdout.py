import sys
print("before")
sys.stdout = None
sys.stderr = None
print("nothing")
sys.exit("not shown")

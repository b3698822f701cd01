# Parent and child both go on to the end of the program, with different exit codes.
import time
child = os.fork()
if child == 0:
    safe("child"); sys.exit(9)
os.waitpid(child, 0)
safe("parent"); sys.exit(4)

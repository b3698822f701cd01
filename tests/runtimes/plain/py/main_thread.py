import os
import sys
import threading

main = threading.main_thread()
print(main is threading.current_thread(), main.native_id == threading.get_native_id() == os.getpid(), threading.enumerate() == [main])
print(main.name, main.is_alive(), main.daemon, threading.active_count())
for stream in (sys.stdin, sys.stdout, sys.stderr):
    print(stream.name, stream.mode, stream.encoding, stream.seekable(), flush=True)
if os.fork() == 0:
    print(threading.main_thread().native_id == os.getpid(), threading.active_count())
    sys.exit(3)
print(os.waitstatus_to_exitcode(os.wait()[1]))

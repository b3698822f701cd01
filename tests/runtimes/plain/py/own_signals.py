import os, signal, time
signal.signal(signal.SIGALRM, lambda number, frame: print("alarm", number, frame.f_code.co_name))
signal.setitimer(signal.ITIMER_REAL, 0.01)
signal.pause()
print(signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGPIPE), signal.getsignal(signal.SIGCHLD))
try:
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(1)
except KeyboardInterrupt:
    print("interrupted")
print(signal.pthread_sigmask(signal.SIG_BLOCK, []))
print(end="", flush=True)
os.kill(os.getpid(), signal.SIGTERM)

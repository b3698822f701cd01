import signal
safe("begun")
os.kill(os.getpid(), signal.SIGSTOP)
vulnerable("somebody woke me")

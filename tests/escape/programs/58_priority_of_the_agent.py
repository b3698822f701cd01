# Process 1 of this sandbox, which may be of the same user.
import resource
attempt("its policy", lambda: os.sched_setscheduler(1, os.SCHED_IDLE, os.sched_param(0)))
attempt("its processors", lambda: os.sched_setaffinity(1, [0]))
attempt("its priority", lambda: os.setpriority(os.PRIO_PROCESS, 1, 19))
attempt("all of its user", lambda: os.setpriority(os.PRIO_USER, 0, 19))
attempt("its limits", lambda: resource.prlimit(1, resource.RLIMIT_NOFILE, (3, 3)))
os.sched_setaffinity(0, os.sched_getaffinity(0)); os.setpriority(os.PRIO_PROCESS, 0, 5); resource.prlimit(os.getpid(), resource.RLIMIT_CORE, (0, 0))
safe("its own can be changed")

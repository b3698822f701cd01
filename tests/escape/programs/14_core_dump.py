import resource
attempt("core limit raised", lambda: resource.setrlimit(resource.RLIMIT_CORE, (1 << 30, 1 << 30)))
safe("begun")
os.abort()

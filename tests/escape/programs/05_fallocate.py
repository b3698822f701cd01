attempt("fallocate of 2 GiB", lambda: os.posix_fallocate(os.open("f.dat", os.O_CREAT | os.O_RDWR), 0, 2 << 30))

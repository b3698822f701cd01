refused("io_uring_setup", "io_uring_setup", 8, ctypes.create_string_buffer(256))

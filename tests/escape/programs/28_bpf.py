refused("bpf", "bpf", 0, ctypes.create_string_buffer(128), 128)

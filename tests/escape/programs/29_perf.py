attributes = ctypes.create_string_buffer(128); ctypes.memmove(attributes, (1).to_bytes(4, "little") + (128).to_bytes(4, "little"), 8)
for pid in (0, 1, -1): refused(f"perf_event_open {pid}", "perf_event_open", attributes, pid, -1 if pid >= 0 else 0, -1, 0)

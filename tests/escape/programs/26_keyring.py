text = ctypes.c_char_p
refused("add_key", "add_key", text(b"user"), text(b"kcr"), text(b"x"), 1, -3)
refused("request_key", "request_key", text(b"user"), text(b"kcr"), 0, -3)
refused("keyctl", "keyctl", 0, -3, 0)

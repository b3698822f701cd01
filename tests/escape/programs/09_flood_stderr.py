safe("begun")
for _ in range(2000): os.write(2, b"x" * 65536)

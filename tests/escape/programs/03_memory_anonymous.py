# Touched pages, 768 MiB at most. The limit ends the program, so there is nothing to say afterwards.
safe("begun")
kept = [bytearray(b"x" * (16 << 20)) for _ in range(48)]
vulnerable("768 MiB of touched memory")

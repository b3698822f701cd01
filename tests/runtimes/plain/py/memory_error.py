try:
    bytearray(1 << 60)
except MemoryError as error:
    print("MemoryError", error)
x = [0] * (1 << 60)

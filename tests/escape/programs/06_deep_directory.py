depth = 0
try:
    for depth in range(5000):
        os.mkdir("d"); os.chdir("d")
        if depth in (3, 4000): open("file.txt", "w").write("deep")
except OSError as problem: safe(f"refused at {depth}: {problem}")
safe("made")

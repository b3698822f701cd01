# 200,000 empty files; the answer must come whether or not they were all made.
made = 0
try:
    for made in range(200000): os.close(os.open(f"f{made:06}", os.O_CREAT | os.O_WRONLY))
    vulnerable("200,000 files")
except OSError as problem: safe(f"refused after {made}: {problem}")

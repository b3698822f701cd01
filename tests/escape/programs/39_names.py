names = [b"-rf", b"--help", b"new\nline.txt", b"cr\r\nX-Injected: 1\r\n\r\nbody.txt", b"invalid-\xff\xfe.txt", "rtl-\u202etxt.exe.csv".encode(), b"x" * 255, b"%2e%2e%2fescaped.txt",
         b"quote\"quote.txt", b"semi;colon.txt", b"back\\slash.txt", b"star*.txt", b" lead.txt", b"trail.txt ", b"tab\t.txt", b"\x1b[31mred.txt", b"{{template}}.txt", b"<script>.txt", "a\u0300.txt".encode(), b"con", b"a..b", b"..."]
made = 0
for name in names:
    try: open(os.path.join(b"/mnt/data", name), "wb").write(b"mine"); made += 1
    except OSError as problem: safe(f"{name}: {problem}")
safe(f"made {made}")

import socket, stat
os.mkfifo("pipe.txt"); os.mkfifo(".hidden")
server = socket.socket(socket.AF_UNIX); server.bind("socket.txt"); server.listen()
attempt("device", lambda: os.mknod("device.txt", 0o666 | stat.S_IFCHR, os.makedev(1, 5)))
os.mkdir("d"); os.mkfifo("d/pipe.txt")
open("real.txt", "w").write("mine")
safe("made")

os.symlink("/etc", "etc"); os.symlink("/proc/self", "proc"); os.symlink("/usr/share", "share"); os.symlink("..", "up")
os.mkdir("real"); open("real/file.txt", "w").write("mine")
os.symlink("real", "alias")
safe("links made")

import sys
sys.stdout = open("log.txt", "w")
print(1)
sys.stdout.close()

import fileinput, sys
print([line for line in sys.stdin], sys.stdin.read())
name = input("Your name? ")

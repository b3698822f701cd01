import sys
print("before")
sys.exit('text')

import sys
print("a \udcff b")
sys.stderr.write("err \ud800 \udcfe\n")
print("žluťoučký 漢字 🐎")
print("lone \ud800")

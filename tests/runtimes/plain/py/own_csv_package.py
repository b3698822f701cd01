import numpy, csv
print(numpy.WHOSE, numpy.linalg.WHOSE, csv.reader)

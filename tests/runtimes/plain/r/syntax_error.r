cat('before\n')
x <- = 3
cat('after')

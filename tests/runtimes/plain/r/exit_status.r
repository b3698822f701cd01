cat('before\n'); quit(status = 7); cat('after')

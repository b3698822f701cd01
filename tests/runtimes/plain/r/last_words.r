.Last <- function() cat('last\n'); f <- function() { on.exit(cat('on exit\n')); q('no', 3) }
f()

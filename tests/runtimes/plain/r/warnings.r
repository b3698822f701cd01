f <- function() { warning('in f'); 1 }
f()
as.integer('x')
for (i in 1:3) warning('many ', i)
message('said')

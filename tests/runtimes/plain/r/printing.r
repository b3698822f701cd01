x <- 1:3
x
invisible(4)
print('a')
(function() 5)()
NULL
data.frame(a = 1:2, b = c('x', 'y'))
summary(c(1, 2))

source("lib.R")
print(twice(4))
d <- read.csv("d.csv")
print(d)
d$z <- 1
write.csv(d, "d.csv", row.names = FALSE)

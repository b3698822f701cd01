setClass("P", representation(x = "numeric"))
setMethod("show", "P", function(object) cat("<P", object@x, ">\n"))
new("P", x = 1)
print.q <- function(x, ...) cat("<q>\n"); structure(1, class = "q")
A <- setRefClass("A", fields = list(n = "numeric"), methods = list(add = function() { n <<- n + 1; invisible(.self) })); a <- A$new(n = 1); a$add(); a$n

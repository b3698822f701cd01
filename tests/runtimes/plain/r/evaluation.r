source(textConnection("x <- 5; print(x)")); eval(parse(text = "x + 1")); do.call(sum, list(1, 2)); Reduce(`+`, 1:4, accumulate = TRUE); sapply(c(a = 1, b = 2), function(v) v^2); commandArgs()[-1]

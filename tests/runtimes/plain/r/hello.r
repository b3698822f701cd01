cat('hello', commandArgs(trailingOnly = TRUE), getwd(), interactive(), '\n'); commandArgs(TRUE)

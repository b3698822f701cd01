cat(capture.output(str(list(a = 1))), sep = "\n"); writeLines("made", "out.txt"); readLines("missing")
cat("never")

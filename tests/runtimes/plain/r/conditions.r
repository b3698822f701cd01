f <- function(n) { if (n == 0) stop("deep") ; f(n - 1) }
tryCatch(f(3), error = function(e) print(conditionCall(e)), finally = cat("finally\n"))
withCallingHandlers({ warning("w"); "value" }, warning = function(w) { cat("caught", conditionMessage(w), "\n"); invokeRestart("muffleWarning") })

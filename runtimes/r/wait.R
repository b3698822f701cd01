# R, started as `Rscript /mnt/data/code.r` with an empty script and this file as its profile: serves as zygote, waits for a program and
# ends. R then reads its script, which is now the user's: what it prints and how it fails is R's own doing.
local({
    Sys.unsetenv(c("R_PROFILE_USER", "LD_PRELOAD"))
    .First.sys() # attaches the default packages; R does it after the profile, and will find it done
    # R loads functions when they are first called, its compiler in the middle of a program. What most programs call is called here.
    compiler::cmpfun(function(x) for (i in x) if (i > 1) print(i + 1))
    frame <- data.frame(a = 1:3, b = letters[1:3])
    utils::capture.output({
        print(frame)
        print(summary(frame))
        print(list(1, "a"))
        utils::str(frame)
        cat(sprintf("%d", sapply(1:3, function(i) i)), paste("a", 1), format(1.5), "\n")
    })
    wait <- dyn.load("/runtimes/zygote/interpreter.so")
    .C("kubecoderun_wait_r", "/mnt/data/code.r", "cat('hello', 1 + 2.5)\n", commandArgs(), length(commandArgs()))
    dyn.unload(wait[["path"]])
    invisible(tempdir(check = TRUE)) # the zygote's is not in the sandbox
})

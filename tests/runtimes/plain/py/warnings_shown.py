import warnings
warnings.warn("one")
warnings.warn("deprecated", DeprecationWarning)
warnings.warn("pending", PendingDeprecationWarning)
for _ in range(2):
    warnings.warn("repeated", UserWarning)
warnings.simplefilter("error")
x = 1 is 1
warnings.warn("fatal")

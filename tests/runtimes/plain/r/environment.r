ls(all.names = TRUE); search(); loadedNamespaces(); names(getLoadedDLLs()); Sys.getenv(c('R_PROFILE_USER', 'LD_PRELOAD'))

import site, sys
print(sys.flags)
print(sys.argv, sys.path, sys.executable, sys.prefix, sys.base_prefix, sys.exec_prefix, sys.warnoptions, sys._xoptions)
print(sys.orig_argv[1:], sys.dont_write_bytecode, sys.getfilesystemencoding(), sys.getfilesystemencodeerrors(), sys.getdefaultencoding())
print(site.ENABLE_USER_SITE, site.getsitepackages(), site.getusersitepackages())
print(exit, quit, copyright is not None, help)
print(hasattr(sys, "ps1"), hasattr(sys, "last_value"), sys.excepthook is sys.__excepthook__, sys.displayhook is sys.__displayhook__)

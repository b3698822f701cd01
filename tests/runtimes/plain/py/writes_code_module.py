import pathlib, sys
pathlib.Path("code.py").write_text("value = 42\n")
sys.modules.pop("code", None)
import code
print(code.value, code.__file__)

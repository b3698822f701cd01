import pathlib, runpy, subprocess, sys, zipfile
pathlib.Path("parcel").mkdir()
pathlib.Path("parcel/__init__.py").write_text("print('init', __name__)\n")
pathlib.Path("parcel/__main__.py").write_text("import sys\nfrom . import helper\nprint('main', __name__, helper.value, sys.argv)\n")
pathlib.Path("parcel/helper.py").write_text("value = 5\n")
runpy.run_module("parcel", run_name="__main__", alter_sys=True)
print(subprocess.run([sys.executable, "-m", "parcel", "x"], capture_output=True, text=True).stdout)
with zipfile.ZipFile("app.zip", "w") as archive:
    archive.writestr("__main__.py", "print('from a zip')")
    archive.writestr("inside.py", "x = 'inside'")
print(runpy.run_path("app.zip")["__name__"])
sys.path.insert(0, "app.zip")
import inside
print(inside.x, inside.__file__)
print(runpy.run_path(__file__.replace(".code", "other")) if pathlib.Path("other.py").exists() else "no other")
pathlib.Path("app.zip").unlink()  # which holds the time
import parcel.missing

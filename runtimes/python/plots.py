"""Keeps the figures that a program shows, plt.show(), as pictures in the working directory: plot-1.png, plot-2.png … There is no screen,
and without this nothing would be left of them. A figure that the program has saved itself is not kept a second time.

What it costs a program without matplotlib is one comparison for each import."""

import io
import os
import warnings
import weakref

import imports

MODULE = "matplotlib.backend_bases"
MOST = 50  # of one run: a program may show figures without an end

shown = weakref.WeakKeyDictionary()  # figure → what was in it when it was last kept, by us or by the program


def install():
    imports.when_imported(MODULE, _attach)


def _attach(module):
    plain = module.FigureManagerBase.show

    def show(self):
        try:
            _keep(self.canvas.figure)
        except Exception:
            pass  # it would not have been drawn without us
        return plain(self)

    module.FigureManagerBase.show = show

    # Canvases set this while they write a file: a wrapper of savefig would be seen in traces.
    def is_saving(self):
        return self.__dict__.get("_is_saving", False)

    def set_saving(self, value):
        self.__dict__["_is_saving"] = value
        if value:
            shown[self.figure] = _contents(self.figure)

    module.FigureCanvasBase._is_saving = property(is_saving, set_saving)


def _contents(figure):
    return [id(part) for axes in figure.axes for part in (*axes.lines, *axes.patches, *axes.collections, *axes.images, *axes.texts)]


def _keep(figure):
    if shown.get(figure) == _contents(figure):
        return
    picture = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        figure.savefig(picture, format="png", bbox_inches="tight")
    for number in range(1, MOST + 1):
        try:
            fd = os.open(f"/mnt/data/plot-{number}.png", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
        except FileExistsError:
            continue
        with open(fd, "wb") as file:
            file.write(picture.getbuffer())
        return

"""Lets charts of matplotlib draw the scripts of the world: letters that the chosen font lacks are taken from fonts that have them, as a browser
does. matplotlib can do that (since 3.6), for families that are named; a program names one, or none."""

import imports

FAMILIES = (
    "DejaVu Sans", "Noto Sans CJK JP", "Lohit Devanagari", "Lohit Bengali", "Lohit Tamil", "Lohit Telugu", "Lohit Gujarati", "Lohit Gurmukhi",
    "Lohit Kannada", "Lohit Malayalam", "Loma", "Symbola",
)  # fmt: skip


def install():
    imports.when_imported("matplotlib.font_manager", _attach)


def _attach(module):
    plain = getattr(module.FontManager, "_find_fonts_by_props", None)
    if plain is None:  # an older matplotlib, which draws with one font only
        return

    def _find_fonts_by_props(self, prop, *arguments, **keywords):
        paths = plain(self, prop, *arguments, **keywords)
        return paths + [path for path in _files_of(self) if path not in paths]

    module.FontManager._find_fonts_by_props = _find_fonts_by_props


def _files_of(manager):
    """The regular faces of our families, of those that are installed."""
    files = manager.__dict__.get("_kubecoderun_files")
    if files is None:
        found = {}
        for entry in manager.ttflist:
            if entry.name in FAMILIES and entry.style == "normal" and str(entry.weight) in ("400", "normal", "regular"):
                found.setdefault(entry.name, entry.fname)
        files = manager._kubecoderun_files = [found[name] for name in FAMILIES if name in found]
    return files

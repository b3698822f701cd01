"""Lets the font that PIL has by itself draw what its 256 letters have not: ImageDraw takes it when a program names none, and it would raise
UnicodeEncodeError. Texts of Latin letters look as ever. Others are put together of pieces, each from an installed font that has its letters;
within one piece letters are joined and ordered as their script wants it."""

import imports

SIZE = 11  # pixels, as high as the letters of the old font
PLAIN = "DejaVuSans.ttf"  # Latin, Greek, Cyrillic, Hebrew, Arabic and more
# The first letter of those that a font is for, and the letter behind them.
FONTS = (
    (0x0900, 0x0980, "Lohit-Devanagari.ttf"), (0x0980, 0x0A00, "Lohit-Bengali.ttf"), (0x0A00, 0x0A80, "Lohit-Gurmukhi.ttf"),
    (0x0A80, 0x0B00, "Lohit-Gujarati.ttf"), (0x0B80, 0x0C00, "Lohit-Tamil.ttf"), (0x0C00, 0x0C80, "Lohit-Telugu.ttf"),
    (0x0C80, 0x0D00, "Lohit-Kannada.ttf"), (0x0D00, 0x0D80, "Lohit-Malayalam.ttf"), (0x0E00, 0x0E80, "Loma.ttf"),
    (0x1100, 0x1200, "NotoSansCJK-Regular.ttc"), (0x2E80, 0xA4D0, "NotoSansCJK-Regular.ttc"), (0xA960, 0xA980, "NotoSansCJK-Regular.ttc"),
    (0xAC00, 0xD800, "NotoSansCJK-Regular.ttc"), (0xF900, 0xFB00, "NotoSansCJK-Regular.ttc"), (0xFE30, 0xFE50, "NotoSansCJK-Regular.ttc"),
    (0xFF00, 0xFFF0, "NotoSansCJK-Regular.ttc"), (0x1F000, 0x1FB00, "Symbola_hint.ttf"), (0x20000, 0x40000, "NotoSansCJK-Regular.ttc"),
)  # fmt: skip


def install():
    imports.when_imported("PIL.ImageFont", _attach)


def _font_of(letter):
    """Its font; None for what any font has: blanks, digits, marks that belong to the letter before."""
    code = ord(letter)
    if code < 0x80 and not letter.isalpha() or code in (0x200C, 0x200D) or 0xFE00 <= code < 0xFE10:
        return None
    return next((name for first, end, name in FONTS if first <= code < end), PLAIN)


def pieces_of(text):
    """[(font, text)]: of each font as much as possible in one piece."""
    pieces = []
    for letter in text:
        font = _font_of(letter)
        if pieces and (font is None or font == pieces[-1][0]):
            pieces[-1][1] += letter
        elif pieces and pieces[-1][0] is None:
            pieces[-1] = [font, pieces[-1][1] + letter]
        else:
            pieces.append([font, letter])
    return [(font or PLAIN, part) for font, part in pieces]


def _attach(module):
    plain_class, plain = module.ImageFont, module.load_default

    def is_old(text):
        if isinstance(text, bytes):
            return True
        try:
            text.encode("latin-1")
        except UnicodeEncodeError:
            return False
        return True

    faces = {}

    def face(name):
        if name not in faces:
            faces[name] = module.truetype(name, SIZE)
        return faces[name]

    def pieces_with_faces(text):
        """None where a font is not installed, or this PIL draws no such fonts: then it is as without us."""
        try:
            return [(face(name), part) for name, part in pieces_of(text)]
        except (OSError, ImportError):
            return None

    class ImageFont(plain_class):
        __doc__, __module__, __qualname__ = plain_class.__doc__, plain_class.__module__, plain_class.__qualname__

        def getmask(self, text, mode="", *args, **kwargs):
            pieces = None if is_old(text) else pieces_with_faces(text)
            if pieces is None:
                return super().getmask(text, mode, *args, **kwargs)
            width, height = self.getbbox(text)[2:]
            whole = module.Image.new("L", (max(width, 1), max(height, 1)))
            left, base = 0, max(font.getmetrics()[0] for font, _ in pieces)
            for font, part in pieces:
                mask, offset = font.getmask2(part, "L", anchor="ls")
                if mask.size[0] and mask.size[1]:
                    piece = module.Image.new("L", mask.size)
                    piece.im.paste(mask, (0, 0, *mask.size))
                    whole.paste(255, (int(left) + offset[0], base + offset[1]), piece)
                left += font.getlength(part)
            return whole.convert("1").im if mode == "1" else whole.im

        def getbbox(self, text, *args, **kwargs):
            pieces = None if is_old(text) else pieces_with_faces(text)
            if pieces is None:
                return super().getbbox(text, *args, **kwargs)
            metrics = [font.getmetrics() for font, _ in pieces]
            height = max(above for above, _ in metrics) + max(below for _, below in metrics)
            return 0, 0, -int(-sum(font.getlength(part) for font, part in pieces) // 1), height

        def getlength(self, text, *args, **kwargs):
            return super().getlength(text, *args, **kwargs) if is_old(text) else self.getbbox(text)[2]

        if hasattr(plain_class, "getsize"):

            def getsize(self, text, *args, **kwargs):
                return super().getsize(text, *args, **kwargs) if is_old(text) else self.getbbox(text)[2:]

    def load_default(*args, **kwargs):
        font = plain(*args, **kwargs)
        if type(font) is plain_class:  # newer versions have another font, which they can scale
            font.__class__ = ImageFont
        return font

    load_default.__doc__ = plain.__doc__
    module.load_default = load_default

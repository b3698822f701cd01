"""Trees of lxml and Beautiful Soup: the root is pickled as text, and every other part as a place below its parent, so that what was one
tree is one afterwards. Otherwise those of lxml cannot be pickled, and those of Beautiful Soup go deeper than pickle can."""

import functools
import operator
import pickle
import sys


class Attribute:
    """Pickles as an attribute of something."""

    def __init__(self, owner, name):
        self.reduced = getattr, (owner, name)

    def __reduce__(self):
        return self.reduced


def lxml_reducers():
    etree = sys.modules["lxml.etree"]

    def reduce_element(element):
        parent = element.getparent()
        if parent is not None:
            return operator.getitem, (parent, parent.index(element))
        if not isinstance(element.tag, str):
            raise pickle.PicklingError("it has no parent and is no element")
        return _parser_of(element), (etree.tostring(element),)

    def reduce_tree(tree):
        return etree.ElementTree, (tree.getroot(),)

    reducers = {etree._ElementTree: reduce_tree}
    todo = [etree._Element]
    while todo:
        kind = todo.pop()
        reducers[kind] = reduce_element
        todo.extend(kind.__subclasses__())
    return reducers


def _parser_of(element):
    """Who makes elements of this class out of text."""
    package = type(element).__module__.partition(".")[0]
    if package in ("docx", "pptx"):
        return sys.modules[f"{package}.oxml"].parse_xml
    if package == "lxml" and type(element).__module__.startswith("lxml.html"):
        return functools.partial(sys.modules["lxml.etree"].fromstring, parser=Attribute(sys.modules["lxml.html"], "xhtml_parser"))
    return sys.modules["lxml.etree"].fromstring


def bs4_reducers():
    bs4 = sys.modules["bs4"]

    def reduce_soup(soup):
        text, features = soup.decode(formatter="minimal"), getattr(soup.builder, "NAME", None) or "html.parser"
        # Parts are found by their places: what was changed may be read as another tree.
        if [part.name for part in soup.descendants] != [part.name for part in bs4.BeautifulSoup(text, features).descendants]:
            raise pickle.PicklingError("its text does not say what it is")
        return bs4.BeautifulSoup, (text, features)

    def reduce_part(part):
        parent = part.parent
        if parent is None:
            raise pickle.PicklingError("it is not part of a document any more")
        index = next(index for index, other in enumerate(parent.contents) if other is part)
        return operator.getitem, (Attribute(parent, "contents"), index)

    reducers = {bs4.BeautifulSoup: reduce_soup}
    todo = [bs4.element.Tag, bs4.element.NavigableString]
    while todo:
        kind = todo.pop()
        reducers.setdefault(kind, reduce_part)
        todo.extend(kind.__subclasses__())
    return reducers

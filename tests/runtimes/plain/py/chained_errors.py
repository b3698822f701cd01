def parse(text):
    try:
        return int(text)
    except ValueError as error:
        error.add_note("a note") if hasattr(error, "add_note") else None
        raise RuntimeError("cannot parse") from error
def outer():
    try:
        parse("x")
    finally:
        {}["missing"]
outer()

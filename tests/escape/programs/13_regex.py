import re
safe("begun")
re.match(r"(a+)+$", "a" * 60 + "b")
vulnerable("the expression was decided")

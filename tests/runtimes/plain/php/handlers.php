<?php
set_error_handler(function ($n, $m, $f, $l) { echo "handled $m at $l\n"; return true; }); echo $x; set_exception_handler(fn($e) => print(get_class($e) . $e->getLine()));
throw new LogicException("a", 5, new Exception("b"));

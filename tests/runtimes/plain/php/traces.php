<?php function f() { debug_print_backtrace(); echo (new Exception)->getTraceAsString(); } f();

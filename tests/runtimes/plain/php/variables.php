<?php print_r([array_keys(get_defined_vars()), array_keys($GLOBALS), $_SERVER['argv'], get_defined_functions()['user']]);

<?php
print_r(array_map("basename", get_included_files())); var_dump(ini_get("auto_prepend_file"), ini_get("auto_append_file"), php_ini_loaded_file() !== false, PHP_BINARY, $_SERVER["SCRIPT_FILENAME"]);

<?php $f = fopen(__FILE__, 'r'); fseek($f, __COMPILER_HALT_OFFSET__); echo fgets($f);
__halt_compiler();data

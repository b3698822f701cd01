<?php echo 'hello ', implode('|', $argv), $argc, __FILE__, __DIR__, getcwd(), PHP_SAPI, PHP_EOL;

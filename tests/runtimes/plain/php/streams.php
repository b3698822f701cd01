<?php
fwrite(STDOUT, "a\n"); error_log("logged"); file_put_contents("php://stderr", "b\n"); file_put_contents("out.txt", "made\n"); echo file_get_contents("missing"); exit(3);

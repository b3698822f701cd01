<?php var_dump(fgets(STDIN), feof(STDIN), file_get_contents('php://stdin'));

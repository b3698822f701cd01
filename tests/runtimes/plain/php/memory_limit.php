<?php
ini_set("memory_limit", "4M"); echo "before\n"; $a = str_repeat("x", 1 << 23);

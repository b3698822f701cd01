<?php
if (!function_exists("twice")) { function twice($x) { return 2 * $x; } }

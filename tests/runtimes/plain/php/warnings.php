<?php
echo $nothing;
$a = []; echo $a['x'];
trigger_error('deprecated', E_USER_DEPRECATED); echo intdiv(1, 0);

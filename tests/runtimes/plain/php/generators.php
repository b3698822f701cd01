<?php
function count_up(int $to) { for ($i = 0; $i < $to; $i++) { $got = yield $i => $i * 2; if ($got) echo "[$got]"; } return 9; }
$g = count_up(3); foreach ($g as $k => $v) echo "$k=$v "; echo $g->getReturn(), PHP_EOL;
$f = fn(int ...$n) => array_sum($n); echo $f(1, 2, 3), PHP_EOL; [$a, [, $b]] = [1, [2, 3]]; echo $a + $b;

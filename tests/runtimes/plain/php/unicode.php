žluť <?= mb_strtoupper('žluť 漢字') ?> 🐎
<?php fwrite(STDERR, 'ä');

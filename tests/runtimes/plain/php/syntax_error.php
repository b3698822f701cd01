<?php
echo 'before'
echo 'x';

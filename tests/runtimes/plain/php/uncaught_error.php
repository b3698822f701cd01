<?php
namespace A;
function f() { throw new \RuntimeException('bad thing'); }
echo 'before';
f();

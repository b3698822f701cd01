<?php class A { function __destruct() { echo 'gone'; } } $a = new A; ob_start(); echo 'buffered ';

<?php
require "helper.php"; require_once __DIR__ . "/helper.php"; echo twice(21), count(get_included_files()); include "missing.php"; echo "after"; require "missing.php";

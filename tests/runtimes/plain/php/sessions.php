<?php
// Written to where Debian's PHP keeps them, and read again in a second go.
session_start();
$_SESSION['visits'] = ['one', 2];
$id = session_id();
session_write_close();
$_SESSION = [];
session_id($id);
session_start();
var_dump($_SESSION, session_status() === PHP_SESSION_ACTIVE, ini_get('session.save_path'));
session_destroy();

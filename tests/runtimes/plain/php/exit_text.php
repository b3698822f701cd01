<?php register_shutdown_function(fn() => print('after')); exit('bye ');

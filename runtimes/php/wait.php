<?php
// PHP, started as `php -d auto_prepend_file=THIS /mnt/data/code.php` with an empty script: serves as zygote, waits for a program and
// ends. PHP then goes on to its main script, which is now the user's: no frame of ours is in its traces, and all messages are PHP's.
(static function (): void {
    $script = '/mnt/data/code.php';
    $library = FFI::cdef(
        'void kubecoderun_wait(const char* script, const char* rehearsal, const char** arguments, long* length);',
        '/runtimes/zygote/interpreter.so',
    );
    $arguments = $library->new('const char*[1]');
    $length = $library->new('long[1]');
    $library->kubecoderun_wait($script, '<?php echo "hello\n", 1 + 2.5;', $arguments, $length);
    $words = $length[0] > 0 ? explode("\0", FFI::string($arguments[0], $length[0] - 1)) : [];
    $_SERVER['argv'] = $GLOBALS['argv'] = [$script, ...$words];
    $_SERVER['argc'] = $GLOBALS['argc'] = count($_SERVER['argv']);
    $_SERVER['REQUEST_TIME_FLOAT'] = microtime(true);
    $_SERVER['REQUEST_TIME'] = (int) $_SERVER['REQUEST_TIME_FLOAT'];
    clearstatcache(true);
})();

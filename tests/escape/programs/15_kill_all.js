for (const pid of [1, process.ppid]) for (const signal of ['SIGTERM', 'SIGKILL']) if (pid > 0) try { process.kill(pid, signal); safe(`sent to ${pid}`); } catch (e) { safe(`${pid}: ${e.code}`); }
setTimeout(() => safe('still here'), 50);

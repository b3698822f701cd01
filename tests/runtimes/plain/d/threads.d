import std.stdio, core.thread, std.concurrency;
void work(int n) { ownerTid.send(n * 2); }
void main() { foreach (i; 0 .. 3) spawn(&work, i); int sum; foreach (i; 0 .. 3) sum += receiveOnly!int; writeln(sum); auto t = new Thread({ writeln("thread"); }); t.start(); t.join(); }

#include <stdio.h>
#include <stdlib.h>
static void last(void) { puts("last"); }
int main(void) { atexit(last); puts("before"); exit(7); }

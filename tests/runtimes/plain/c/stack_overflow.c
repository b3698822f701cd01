#include <stdio.h>
static int deep(int n) { volatile char room[4096]; room[0] = (char)n; return deep(n + 1) + room[0]; }
int main(void) { puts("before"); fflush(stdout); return deep(0); }

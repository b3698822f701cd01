#include <stdio.h>
int f() { }
int main(void) { char* s = 5; int n = "text" == 0; printf("%ld %d\n", (long)s, n, 3); return 0; }

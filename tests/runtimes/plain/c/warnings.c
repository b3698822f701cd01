#include <stdio.h>
int f() { }
int main(void) { int x; char* s = 5; printf("%d\n", "text"); return 0; }

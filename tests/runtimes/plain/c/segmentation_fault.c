#include <stdio.h>
int main(void) { puts("before"); fflush(stdout); int* volatile p = 0; return *p; }

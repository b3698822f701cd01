#include <assert.h>
#include <stdio.h>
int main(void) { printf("lost, since nothing flushes it"); assert(1 + 1 == 3); }

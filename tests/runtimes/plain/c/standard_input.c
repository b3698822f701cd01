#include <stdio.h>
#include <unistd.h>
int main(void) { int n = 5; printf("%d %d %d %d\n", scanf("%d", &n), n, getchar(), isatty(0)); }

#include <errno.h>
#include <stdio.h>
#include <string.h>
int main(void) { FILE* f = fopen("out.txt", "w"); fputs("made\n", f); fclose(f); f = fopen("missing", "r"); printf("%s\n", strerror(errno)); perror("missing"); return 3; }

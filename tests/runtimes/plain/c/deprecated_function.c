#include <stdio.h>
char* gets(char*);
int main(void) { char line[10]; if (gets(line) == NULL) puts("end"); return 0; }

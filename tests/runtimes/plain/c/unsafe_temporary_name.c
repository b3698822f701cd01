#include <stdio.h>
#include <stdlib.h>
int main(void) { char name[L_tmpnam]; puts(tmpnam(name) ? "named" : "none"); mktemp((char[]){"/tmp/xXXXXXX"}); return 0; }

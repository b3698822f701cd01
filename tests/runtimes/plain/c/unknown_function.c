#include <stdio.h>
int missing(int);
int main(void) { return missing(3); }

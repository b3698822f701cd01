#include <math.h>
#include <stdio.h>
int main(void) { for (double x = 1; x < 4; ++x) printf("%.6f %.6f\n", sqrt(x), pow(x, sin(x))); }

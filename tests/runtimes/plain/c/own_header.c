#include <stdio.h>

#include "inc/other.h"
#include "mine.h"

int main(void) {
  printf("%d %d\n", MINE, twice(4));
  FILE *file = fopen("data.txt", "r");
  char line[20];
  if (fgets(line, sizeof line, file)) fputs(line, stdout);
  fclose(file);
  file = fopen("data.txt", "a");
  fputs("more\n", file);
  return 0;
}

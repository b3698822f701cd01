#include <pthread.h>
#include <stdio.h>
static void* work(void* n) { return (void*)((long)n * 2); }
int main(void) {
  pthread_t threads[3];
  long sum = 0;
  for (long i = 0; i < 3; ++i) pthread_create(&threads[i], NULL, work, (void*)i);
  for (int i = 0; i < 3; ++i) { void* result; pthread_join(threads[i], &result); sum += (long)result; }
  printf("%ld\n", sum);
}

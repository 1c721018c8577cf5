/* A model inside of a C program: no file is read. See examples/deploy/ahead/export.py. */
#include <stdio.h>

#include "classify.h"

int main(void) {
  float image[2][64], scores[2][10];
  for (int k = 0; k < 2 * 64; ++k) image[k / 64][k % 64] = (float)(k % 17) / 16;
  td_error* error = classify(2, &image[0][0], &scores[0][0]);
  if (error) {
    fprintf(stderr, "%s\n", td_error_message(error));
    td_error_free(error);
    return 1;
  }
  for (int row = 0; row < 2; ++row)
    for (int k = 0; k < 10; ++k) printf("%a\n", (double)scores[row][k]);
  return 0;
}

/* What a model can do, from plain C: ./describe MODEL.tdm */
#include <stdio.h>
#include <tandem.h>

int main(int count, char** words) {
  td_model* model = NULL;
  td_error* error = td_model_load(count > 1 ? words[1] : "runs/deploy/digits.tdm", NULL, &model);
  if (error) {
    fprintf(stderr, "describe: %s\n", td_error_message(error));
    td_error_free(error);
    return 1;
  }
  printf("Tandem %s, code for %s\n", td_version(), td_model_target(model));
  for (int k = 0; k < (int)td_model_method_count(model); ++k) printf("%s\n", td_method_signature(model, k));
  for (size_t k = 0; k < td_model_state_count(model); ++k) printf("tensor %s\n", td_model_state_name(model, k));
  td_model_free(model);
  return 0;
}

// The only code that touches LLVM, through its C API. No pass pipeline is run, since emission already says what an
// optimiser would find. Code generation is at level "less" and without loop strength reduction, which has nothing to
// find either: measured against "default", kernels run as fast and are made in 60 to 80 % of the time (a softmax: 6 ms
// in place of 10.7), of which 2 ms are LLVM setting up its passes.
#include "codegen/llvm/compile.h"

#include <llvm-c/Analysis.h>
#include <llvm-c/Core.h>
#include <llvm-c/IRReader.h>
#include <llvm-c/Linker.h>
#include <llvm-c/Support.h>
#include <llvm-c/Target.h>
#include <llvm-c/TargetMachine.h>

#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <string>

namespace {

char* copy(const char* data, size_t size) {
  auto* memory = static_cast<char*>(std::malloc(size + 1));
  if (memory == nullptr) return nullptr;
  std::memcpy(memory, data, size);
  memory[size] = '\0';
  return memory;
}

int fail(const std::string& message, char** error) {
  *error = copy(message.data(), message.size());
  return 1;
}

std::string take(char* message) {
  std::string text = message != nullptr ? message : "unknown error";
  if (message != nullptr) LLVMDisposeMessage(message);
  return text;
}

// Making one takes longer than compiling a small kernel, and it may serve one thread at a time: each keeps its own.
class Machines {
 public:
  ~Machines() {
    for (const auto& [key, machine] : machines_) LLVMDisposeTargetMachine(machine);
  }
  LLVMTargetMachineRef get(const char* triple, const char* cpu, const char* features, std::string* problem) {
    LLVMTargetMachineRef& machine = machines_[std::string(triple) + '\n' + cpu + '\n' + features];
    if (machine != nullptr) return machine;
    LLVMTargetRef target = nullptr;
    char* message = nullptr;
    if (LLVMGetTargetFromTriple(triple, &target, &message) != 0) {
      *problem = take(message);
      return nullptr;
    }
    machine =
        LLVMCreateTargetMachine(target, triple, cpu, features, LLVMCodeGenLevelLess, LLVMRelocPIC, LLVMCodeModelSmall);
    if (machine == nullptr) *problem = "no machine for this target";
    return machine;
  }

 private:
  std::map<std::string, LLVMTargetMachineRef> machines_;
};

struct Context {
  LLVMContextRef ref = LLVMContextCreate();
  ~Context() { LLVMContextDispose(ref); }
};

struct Module {
  LLVMModuleRef ref = nullptr;
  ~Module() {
    if (ref != nullptr) LLVMDisposeModule(ref);
  }
};

void initialise() {
  static std::once_flag once;
  std::call_once(once, [] {
    // Code for other machines than this one goes into saved models.
    LLVMInitializeX86TargetInfo(), LLVMInitializeAArch64TargetInfo();
    LLVMInitializeX86Target(), LLVMInitializeAArch64Target();
    LLVMInitializeX86TargetMC(), LLVMInitializeAArch64TargetMC();
    LLVMInitializeX86AsmPrinter(), LLVMInitializeAArch64AsmPrinter();
    LLVMInitializeX86AsmParser(), LLVMInitializeAArch64AsmParser();  // of the tensors that an object includes
    // Options are global to LLVM, and this LLVM is ours alone.
    const char* options[] = {"tandem", "-disable-lsr"};
    LLVMParseCommandLineOptions(2, options, nullptr);
  });
}

}  // namespace

extern "C" int tandem_llvm_compile(const char* const* texts, const size_t* lengths, size_t count, const char* triple,
                                   const char* cpu, const char* features, int as_assembly, char** out, size_t* out_size,
                                   char** error) {
  initialise();
  thread_local Machines machines;
  std::string problem;
  LLVMTargetMachineRef machine = machines.get(triple, cpu, features, &problem);
  if (machine == nullptr) return fail(problem, error);
  const Context context;
  Module module;
  char* message = nullptr;
  for (size_t k = 0; k < count; ++k) {
    LLVMMemoryBufferRef source = LLVMCreateMemoryBufferWithMemoryRangeCopy(texts[k], lengths[k], "kernel");
    LLVMModuleRef next = nullptr;
    if (LLVMParseIRInContext(context.ref, source, &next, &message) != 0) return fail(take(message), error);
    if (module.ref == nullptr)
      module.ref = next;
    else if (LLVMLinkModules2(module.ref, next) != 0)
      return fail("modules that do not fit together", error);
  }
  LLVMSetTarget(module.ref, triple);
  LLVMTargetDataRef layout = LLVMCreateTargetDataLayout(machine);
  LLVMSetModuleDataLayout(module.ref, layout);
  LLVMDisposeTargetData(layout);
  if (LLVMVerifyModule(module.ref, LLVMReturnStatusAction, &message) != 0) return fail(take(message), error);
  LLVMDisposeMessage(message);
  LLVMMemoryBufferRef code = nullptr;
  const auto kind = as_assembly != 0 ? LLVMAssemblyFile : LLVMObjectFile;
  if (LLVMTargetMachineEmitToMemoryBuffer(machine, module.ref, kind, &message, &code) != 0)
    return fail(take(message), error);
  *out_size = LLVMGetBufferSize(code);
  *out = copy(LLVMGetBufferStart(code), *out_size);
  LLVMDisposeMemoryBuffer(code);
  return *out != nullptr ? 0 : fail("out of memory", error);
}

extern "C" void tandem_llvm_free(char* memory) { std::free(memory); }

extern "C" const char* tandem_llvm_version(void) {
  static const std::string version = [] {
    unsigned major = 0, minor = 0, patch = 0;
    LLVMGetVersion(&major, &minor, &patch);
    return std::to_string(major) + '.' + std::to_string(minor) + '.' + std::to_string(patch);
  }();
  return version.c_str();
}

// Several stacks in one thread of the CPU: `switch_to` leaves one and goes on with another.
#pragma once
#include <cstdint>
#include <cstdlib>

namespace on_cpu {

static const size_t STACK = 128 << 10;

#if defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__)

// By hand, as the library's own way asks the kernel for the signal mask at every switch, which
// costs twenty times as much. What a called function must preserve goes onto the old stack, and the
// same is taken from the new one.
extern "C" __attribute__((visibility("hidden"))) void exchange_stacks(void** old_top, void* new_top);
asm(R"(
    .text
    .hidden exchange_stacks
    .globl exchange_stacks
    .type exchange_stacks, @function
exchange_stacks:
    pushq %rbp
    pushq %rbx
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    movq %rsp, (%rdi)
    movq %rsi, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbx
    popq %rbp
    ret
)");

struct Place {
    void* top = nullptr;
    char* memory = nullptr;

    // the next switch here calls `function` on a stack of its own
    void begin(void (*function)()) {
        if (!memory) memory = (char*)aligned_alloc(16, STACK);
        void** p = (void**)(memory + STACK);
        *--p = nullptr;           // where `function` would return to: it never does
        *--p = (void*)function;   // where the exchange returns to
        for (int saved = 0; saved < 6; ++saved) *--p = nullptr;
        top = p;
    }
};

static inline void switch_to(Place& from, Place& to) { exchange_stacks(&from.top, to.top); }

#else

}  // namespace on_cpu
#include <ucontext.h>
namespace on_cpu {

struct Place {
    ucontext_t context;
    char* memory = nullptr;

    void begin(void (*function)()) {
        if (!memory) memory = (char*)malloc(STACK);
        getcontext(&context);
        context.uc_stack.ss_sp = memory;
        context.uc_stack.ss_size = STACK;
        context.uc_link = nullptr;
        makecontext(&context, function, 0);
    }
};

static inline void switch_to(Place& from, Place& to) { swapcontext(&from.context, &to.context); }

#endif

}  // namespace on_cpu

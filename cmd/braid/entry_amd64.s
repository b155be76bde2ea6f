#include "textflag.h"

#define SYS_arch_prctl 158
#define ARCH_SET_FS    0x1002

// The program's first instruction, when it was linked with -E _braid_entry. The kernel leaves the number of arguments, the
// arguments and the environment on the stack. Go code looks for its goroutine in thread-local storage, which is there once FS
// says where, and which the runtime makes its own of.
TEXT _braid_entry(SB),NOSPLIT|NOFRAME,$0
	MOVQ SP, BX
	LEAQ threadLocal<>+8(SB), SI
	MOVQ $ARCH_SET_FS, DI
	MOVQ $SYS_arch_prctl, AX
	SYSCALL
	MOVQ SP, kernelStack<>(SB)
	SUBQ $16, SP
	ANDQ $~15, SP
	MOVQ BX, 0(SP)
	CALL ·early(SB)
	MOVQ kernelStack<>(SB), SP
	JMP  _rt0_amd64_linux(SB)

GLOBL threadLocal<>(SB), NOPTR, $16
GLOBL kernelStack<>(SB), NOPTR, $8

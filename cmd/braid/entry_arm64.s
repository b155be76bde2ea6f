#include "textflag.h"

// The program's first instruction, when it was linked with -E _braid_entry. The kernel leaves the number of arguments, the
// arguments and the environment on the stack.
TEXT _braid_entry(SB),NOSPLIT|NOFRAME,$0
	MOVD RSP, R0
	MOVD R0, kernelStack<>(SB)
	SUB  $32, RSP
	MOVD R0, 8(RSP)
	MOVD $0, g
	BL   ·early(SB)
	MOVD kernelStack<>(SB), R0
	MOVD R0, RSP
	B    _rt0_arm64_linux(SB)

GLOBL kernelStack<>(SB), NOPTR, $8

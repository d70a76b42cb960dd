package bus

import (
	"testing"
	"unsafe"
)

// The sizes that the kernel expects are in the numbers of the calls, bits 16 to 29.
func TestSizesAreTheKernels(t *testing.T) {
	for op, size := range map[uint32]uintptr{gpioGetLine: unsafe.Sizeof(gpioRequest{}), gpioSetConfig: unsafe.Sizeof(gpioConfig{}),
		gpioGetValues: unsafe.Sizeof(gpioValues{}), gpioSetValues: unsafe.Sizeof(gpioValues{})} {
		if want := uintptr(op >> 16 & 0x3fff); size != want {
			t.Errorf("%#x: got %d bytes, want %d", op, size, want)
		}
	}
}

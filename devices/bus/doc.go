// Package bus is the hardware that sensors hang on: I²C, SPI, GPIO lines and
// 1-wire. A Buses opens each of them once, when a part first speaks on it, and
// every driver shares it.
//
// # Every transaction has a deadline
//
// The calls below (an ioctl, a read of a sysfs file) take none, and a part that
// holds a line down can keep them for good. So each runs in a goroutine of its own,
// one at a time per bus, and whoever asked waits for it no longer than the bus's
// limit. What does not return in time makes the bus stuck:
//
//   - whoever waits for a turn, and whoever comes later, gets ErrStuck at once, as
//     the fault no_response; nobody queues behind a bus that hangs;
//   - other buses know nothing of it;
//   - when the transaction returns after all, the bus goes on as before;
//   - when it does not, the bus is opened anew for whoever asks after a pause
//     (5 s, doubling to 5 min). What is left behind keeps a goroutine and a
//     descriptor, so that after maxLeft of them the bus only waits.
//
// Buffers of a transaction are its own: one that returns late writes into nobody's.
//
// A bus on which every transaction has failed for a while (a USB adapter that was
// pulled out) is closed and opened anew.
//
// # GPIO
//
// Lines are asked of the kernel's character device itself. periph's PinIn.Read has
// no error: a line that cannot be read is Low there, and Low may well mean that all
// is quiet. Here it is a fault.
//
// # Errors
//
// All errors are devices.FaultErrors of quality no_response. Their texts say what
// failed on which bus and have no changing parts, so that a fault that lasts is one
// event in the gateway's log.
package bus

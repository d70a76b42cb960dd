package regmap

import (
	"context"

	"weishao.dev/weishao/devices/modbus"
)

// Read reads all words of the plan, a transaction for each block. If one fails, all
// do: values of different moments are no sample.
func (p *Plan) Read(ctx context.Context, s *modbus.Slave) ([]uint16, error) {
	var words []uint16
	for _, b := range p.blocks {
		w, err := s.Registers(ctx, p.function, b.first, b.n)
		if err != nil {
			return nil, err
		}
		words = append(words, w...)
	}
	return words, nil
}

// Word is one register of those that Read gave.
func (p *Plan) Word(words []uint16, addr uint16) uint16 { return words[p.index(addr)] }

// Bytes are words as the line carried them.
func Bytes(words []uint16) []byte {
	b := make([]byte, 0, 2*len(words))
	for _, w := range words {
		b = append(b, byte(w>>8), byte(w))
	}
	return b
}

package sparkplug

// decode finds the properties we know in a PropertySet, b[i:]. Keys and values
// are two parallel lists that an encoder may interleave or write one after the
// other, so the keys are looked for first and their values picked by position.
func (p *Properties) decode(b []byte, i int) error {
	quality, reason, unit := -1, -1, -1
	if err := eachChunk(b, i, tagKeys, func(n, begin, end int) error {
		switch string(b[begin:end]) {
		case PropQuality:
			quality = n
		case PropWeishaoQual:
			reason = n
		case PropEngUnit:
			unit = n
		}
		return nil
	}); err != nil {
		return err
	}
	return eachChunk(b, i, tagValues, func(n, begin, end int) error {
		if n != quality && n != reason && n != unit {
			return nil
		}
		var v propertyValue
		if err := v.decode(b[:end:end], begin); err != nil || v.null {
			return err
		}
		switch {
		case n == quality && v.isInt:
			p.Quality, p.HasQuality = int32(v.num), true
		case n == reason && v.text != nil:
			p.Reason = v.text
		case n == unit && v.text != nil:
			p.EngUnit = v.text
		}
		return nil
	})
}

// eachChunk calls f for the n-th length-delimited field with the given tag.
func eachChunk(b []byte, i int, want uint64, f func(n, begin, end int) error) error {
	n := 0
	for i < len(b) {
		at := i
		tag, next := uvarint(b, i)
		if next < 0 {
			return fail(at, textVarint)
		}
		if tag != want {
			next, err := skip(b, at)
			if err != nil {
				return err
			}
			i = next
			continue
		}
		end, begin := chunk(b, next)
		if end < 0 {
			return fail(at, textTruncated)
		}
		if err := f(n, begin, end); err != nil {
			return err
		}
		n++
		i = end
	}
	return nil
}

type propertyValue struct {
	num   uint64
	text  []byte
	isInt bool
	null  bool
}

func (v *propertyValue) decode(b []byte, i int) error {
	for i < len(b) {
		at := i
		tag, next := uvarint(b, i)
		if next < 0 {
			return fail(at, textVarint)
		}
		switch tag {
		case tagPropNull, tagPropInt, tagPropLong:
			num, after := uvarint(b, next)
			if after < 0 {
				return fail(next, textVarint)
			}
			if tag == tagPropNull {
				v.null = num != 0
			} else {
				v.num, v.isInt = num, true
			}
			i = after
		case tagPropString:
			end, begin := chunk(b, next)
			if end < 0 {
				return fail(at, textTruncated)
			}
			v.text, i = b[begin:end:end], end
		default:
			after, err := skip(b, at)
			if err != nil {
				return err
			}
			i = after
		}
	}
	return nil
}

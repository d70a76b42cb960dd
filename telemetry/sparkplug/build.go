package sparkplug

// openMetric begins a metric of a payload, to be closed by finish. An empty name,
// alias 0, time 0 and type Unknown are left out.
func openMetric(dst []byte, name string, alias uint64, at int64, t DataType) ([]byte, int) {
	dst, start := begin(dst, tagPayloadMetric)
	if name != "" {
		dst = appendText(dst, tagName, name)
	}
	if alias != 0 {
		dst = appendUint(dst, tagAlias, alias)
	}
	if at != 0 {
		dst = appendUint(dst, tagTimestamp, uint64(at))
	}
	if t != Unknown {
		dst = appendUint(dst, tagDatatype, uint64(t))
	}
	return dst, start
}

func appendUint64Metric(dst []byte, name string, alias uint64, at int64, v uint64) []byte {
	dst, start := openMetric(dst, name, alias, at, UInt64)
	return finish(appendUint(dst, tagLong, v), start)
}

func appendInt64Metric(dst []byte, name string, at, v int64) []byte {
	dst, start := openMetric(dst, name, 0, at, Int64)
	return finish(appendUint(dst, tagLong, uint64(v)), start)
}

func appendBoolMetric(dst []byte, name string, at int64, v bool) []byte {
	dst, start := openMetric(dst, name, 0, at, Boolean)
	var n uint64
	if v {
		n = 1
	}
	return finish(appendUint(dst, tagBool, n), start)
}

// appendStringMetric leaves the metric out when there is nothing to say.
func appendStringMetric(dst []byte, name string, at int64, v string) []byte {
	if v == "" {
		return dst
	}
	dst, start := openMetric(dst, name, 0, at, String)
	return finish(appendText(dst, tagString, v), start)
}

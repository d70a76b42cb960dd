package sparkplug

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"io"
)

// uuidCompressed marks an envelope: its body is another payload, deflated (zlib)
// or gzipped. Tahu's clients send it where they are told to compress.
const uuidCompressed = "SPBV1.0_COMPRESSED"

// MaxUncompressed is how large a payload may be that comes compressed, in bytes:
// a small message could otherwise unpack to any size.
const MaxUncompressed = 4 << 20

// uncompress gives the payload within the body of an envelope.
func uncompress(body []byte) ([]byte, error) {
	var r io.Reader
	var err error
	if bytes.HasPrefix(body, []byte{0x1f, 0x8b}) {
		r, err = gzip.NewReader(bytes.NewReader(body))
	} else {
		r, err = zlib.NewReader(bytes.NewReader(body))
	}
	if err != nil {
		return nil, fail(0, "compressed body: "+err.Error())
	}
	b, err := io.ReadAll(io.LimitReader(r, MaxUncompressed+1))
	if err != nil {
		return nil, fail(0, "compressed body: "+err.Error())
	}
	if len(b) > MaxUncompressed {
		return nil, fail(0, "compressed body unpacks to more than 4 MiB")
	}
	return b, nil
}

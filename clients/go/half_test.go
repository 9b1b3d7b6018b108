package edgemesh

import (
	"math"
	"testing"
)

func TestHalvesAreReadAsSingles(t *testing.T) {
	for bits, expected := range map[uint16]float64{
		0x0000: 0, 0x3c00: 1, 0xc000: -2, 0x7bff: 65504, 0x0001: 0x1p-24, 0x0400: 0x1p-14,
		0x7c00: math.Inf(1), 0xfc00: math.Inf(-1), 0x83ff: -1023 * 0x1p-24,
	} {
		tensor := &Tensor{Float16, []int{1}, []byte{byte(bits), byte(bits >> 8)}, ""}
		got, err := Values[float32](tensor)
		if err != nil || float64(got[0]) != expected {
			t.Errorf("%#04x is %v instead of %v (%v)", bits, got, expected, err)
		}
	}
	if !math.IsNaN(float64(half(0x7e00))) || !math.Signbit(float64(half(0x8000))) {
		t.Error("NaN and -0 are not themselves")
	}
	brain := &Tensor{BFloat16, []int{2}, []byte{0x80, 0x3f, 0x00, 0xc0}, ""}
	if got, err := Values[float32](brain); err != nil || got[0] != 1 || got[1] != -2 {
		t.Errorf("bfloat16 is %v (%v)", got, err)
	}
}

// Package edgemesh calls an edgemesh: native algorithms, models and sandboxed Python behind one gRPC
// address.
//
//	client, err := edgemesh.Dial("127.0.0.1:50051")
//	if err != nil {
//		return err
//	}
//	defer client.Close()
//	result, err := client.Compute(ctx, edgemesh.Request{
//		Algorithm: "cpp.fft",
//		Inputs:    edgemesh.Tensors{"x": edgemesh.Vector([]float64{0, 1, 0, -1})},
//	})
//	if err != nil {
//		return err
//	}
//	y, err := edgemesh.Values[complex128](result.Outputs["y"])
//
// A context ends whatever was begun with it, on the mesh too. One without a deadline gets the
// client's, a minute unless [WithTimeout] says otherwise; retries share it.
//
// Errors are of two kinds. A [RefusedError] is the mesh's: it did not do it, and says why. A
// [FailedError] is the work's own: it ran, and ended otherwise than OK; its Result has what was
// printed until then. Both are found by [errors.As]. What did not begin is tried again after what
// the mesh asks for, as [Retries] says; what may have begun is not, unless it has no effect.
package edgemesh

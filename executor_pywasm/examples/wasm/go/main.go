// A WASI program: reads JSON from stdin, and writes a file and a line.
package main

import (
	"encoding/json"
	"fmt"
	"os"
)

func main() {
	var request struct{ Names []string }
	if err := json.NewDecoder(os.Stdin).Decode(&request); err != nil {
		fmt.Fprintln(os.Stderr, "no request:", err)
		os.Exit(2)
	}
	greeting := os.Getenv("GREETING")
	for _, name := range request.Names {
		fmt.Println(greeting, name)
	}
	if err := os.WriteFile("/outputs/count.txt", fmt.Append(nil, len(request.Names)), 0o600); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

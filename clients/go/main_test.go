package edgemesh_test

// What needs a running mesh runs where EDGEMESH_TEST_ADDRESS names one (with the key that
// EDGEMESH_TEST_KEY has) and is left out elsewhere: examples, the README's program, and TestMesh….

import (
	"bytes"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const needMesh = "^(Example|TestMesh|TestReadme)"

func TestMain(m *testing.M) {
	flag.Parse()
	if address := os.Getenv("EDGEMESH_TEST_ADDRESS"); address != "" {
		os.Setenv("EDGEMESH_ADDRESS", address)
		os.Setenv("EDGEMESH_API_KEY", os.Getenv("EDGEMESH_TEST_KEY"))
	} else if skipped := flag.Lookup("test.skip").Value.String(); skipped != "" {
		flag.Set("test.skip", skipped+"|"+needMesh)
	} else {
		flag.Set("test.skip", needMesh)
	}
	os.Exit(m.Run())
}

var (
	program = regexp.MustCompile("(?ms)^```go\n(package main.*?)^```$")
	printed = regexp.MustCompile("(?ms)^```text\n(.*?)^```$")
)

// TestReadme runs the program of the README, which prints what the README says.
func TestReadme(t *testing.T) {
	page, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	source, expected := program.FindSubmatch(page), printed.FindSubmatch(page)
	if source == nil || expected == nil {
		t.Fatal("the README has no program, or does not say what it prints")
	}
	file := filepath.Join(t.TempDir(), "main.go")
	if err := os.WriteFile(file, source[1], 0o600); err != nil {
		t.Fatal(err)
	}
	command := exec.Command("go", "run", file)
	var stderr strings.Builder
	command.Stderr = &stderr
	said, err := command.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, stderr.String())
	}
	if !bytes.Equal(said, expected[1]) {
		t.Errorf("it prints\n%s\ninstead of\n%s", said, expected[1])
	}
}

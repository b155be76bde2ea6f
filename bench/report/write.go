package report

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// Write writes the report into a folder: report.json, README.md and the pictures that it shows.
func (r *Report) Write(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("make the folder of the report: %w", err)
	}
	for _, part := range []struct {
		name  string
		write func(io.Writer) error
	}{
		{"report.json", r.JSON},
		{"README.md", r.Page},
		{"latency.svg", r.LatencyPlot},
		{"throughput.svg", r.ThroughputPlot},
	} {
		if err := writeFile(filepath.Join(dir, part.name), part.write); err != nil {
			return fmt.Errorf("write %s: %w", part.name, err)
		}
	}
	return nil
}

func writeFile(path string, write func(io.Writer) error) (err error) {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	return write(file)
}

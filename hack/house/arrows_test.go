package house

import "testing"

func testTable() map[string][]string {
	return map[string][]string{
		"cmd/door": {"wire"},
		"cmd/all":  {Everything},
		"agent":    {"plugins"},
		"plugins":  {"ipam"},
		"ipam":     {"store"},
		"store":    nil,
		"wire":     nil,
	}
}

func TestArrows(t *testing.T) {
	tests := []struct {
		name, file, imports string
		ok                  bool
	}{
		{"own sub-folder", "store/a/a.go", "example.org/m/store/b", true},
		{"named", "plugins/bridge/a.go", "example.org/m/ipam/static", true},
		{"by way of another", "agent/a.go", "example.org/m/store", true},
		{"foreign", "store/a.go", "example.org/other/agent", true},
		{"everything", "cmd/all/main.go", "example.org/m/agent", true},
		{"door to wire", "cmd/door/main.go", "example.org/m/wire", true},
		{"up", "ipam/a.go", "example.org/m/plugins", false},
		{"leaf", "store/a.go", "example.org/m/wire", false},
		{"door to agent", "cmd/door/main.go", "example.org/m/agent", false},
		{"one program from another", "cmd/door/main.go", "example.org/m/cmd/all", false},
		{"root package", "store/a.go", "example.org/m", false},
		{"folder that is not in the table", "utils/a.go", "fmt", false},
		{"import of one", "agent/a.go", "example.org/m/utils", false},
		{"program that is not in the table", "cmd/new/main.go", "fmt", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := tree(t, tt.file, "package p\nimport _ \""+tt.imports+"\"\n").Arrows(testTable())
			if ok := len(got) == 0; ok != tt.ok {
				t.Errorf("%s importing %s: %q", tt.file, tt.imports, got)
			}
		})
	}
}

func TestArrowComplaintNamesPlaceAndWay(t *testing.T) {
	got := tree(t, "ipam/a.go", "package ipam\nimport _ \"example.org/m/agent\"\n").Arrows(testTable())
	want(t, got, "ipam/a.go:2: ipam imports agent, may import store")
}

func TestCycle(t *testing.T) {
	if got := Cycle(testTable()); got != "" {
		t.Errorf("cycle found at %s", got)
	}
	table := testTable()
	table["store"] = []string{"agent"}
	if Cycle(table) == "" {
		t.Error("no cycle found")
	}
}

package hostlocal

import (
	"fmt"
	"strings"
	"testing"
)

// The total is what can be leased: leases are made until there is no free address.
func TestUsageCountsUntilTheRangeIsFull(t *testing.T) {
	w := newWorld(t)
	conf := []byte(`{"cniVersion":"1.1.0","name":"net","ipam":{"type":"host-local","ranges":[[
		{"subnet":"10.1.0.0/29"},{"subnet":"10.2.0.0/29","rangeStart":"10.2.0.3","rangeEnd":"10.2.0.4","gateway":"10.2.0.4"}]]}}`)
	given := 0
	for ; ; given++ {
		all, err := w.Usage(conf)
		if err != nil {
			t.Fatal(err)
		}
		want := fmt.Sprintf("10.1.0.1-10.1.0.6 %d/5, 10.2.0.3-10.2.0.4 %d/1", min(given, 5), max(given-5, 0))
		var got []string
		for _, u := range all {
			got = append(got, fmt.Sprintf("%s %d/%s", u.Range, u.Used, u.Total))
		}
		if strings.Join(got, ", ") != want {
			t.Fatalf("after %d leases %q, want %q", given, got, want)
		}
		if _, err := w.add(t.Context(), fmt.Sprint("c", given), conf, ""); err != nil {
			break
		}
	}
	if given != 6 {
		t.Errorf("%d leases were given", given)
	}
}

func TestUsageOfARangeLargerThanAnyWord(t *testing.T) {
	all, err := newWorld(t).Usage([]byte(`{"cniVersion":"1.1.0","name":"net","ipam":{"type":"host-local","subnet":"fd00::/64"}}`))
	if err != nil || len(all) != 1 || all[0].Total.String() != "18446744073709551614" || all[0].Used != 0 {
		t.Errorf("got %+v, %v", all, err)
	}
}

func TestUsageRefusesWhatAddRefuses(t *testing.T) {
	if _, err := newWorld(t).Usage([]byte(`{"cniVersion":"1.1.0","name":"net","ipam":{"type":"host-local","subnet":"10"}}`)); err == nil {
		t.Error("a broken range is counted")
	}
}

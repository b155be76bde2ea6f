package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
)

// strict is the value of rp_filter that drops what comes in by another link than an answer would go out by.
const strict = 1

// reversePath finds strict reverse path filters on bridges with a gateway: a pod that has several networks and answers by
// another than it was asked on is not heard.
func reversePath(_ context.Context, v *visit) ([]Finding, error) {
	bridges, err := v.bridges()
	if err != nil {
		return nil, err
	}
	all, err := v.reversePathFilter("all")
	if err != nil {
		return nil, err
	}
	var found []Finding
	for _, b := range bridges {
		if b.Index == 0 || len(b.subnets) == 0 {
			continue
		}
		own, err := v.reversePathFilter(b.Name)
		if err != nil {
			return found, err
		}
		// The kernel takes the higher value of the two (ip-sysctl).
		if max(all, own) == strict {
			found = append(found, warning(
				fmt.Sprintf("rp_filter is strict on %s: pods with several networks that answer by another one are not heard", b.Name),
				persist("net/ipv4/conf/"+b.Name+"/rp_filter", "2")))
		}
	}
	return found, nil
}

func (v *visit) reversePathFilter(link string) (int, error) {
	text, err := v.host.Sysctl("net/ipv4/conf/" + link + "/rp_filter")
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil // the link went meanwhile
	}
	if err != nil {
		return 0, err
	}
	value, err := strconv.Atoi(text)
	if err != nil {
		return 0, fmt.Errorf("read rp_filter of %s: %w", link, err)
	}
	return value, nil
}

package scratch

import (
	"context"
	"encoding/json"
	"fmt"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"os"
	cv "seaport.example/proto/seaport/consignment/v1"
	iv "seaport.example/proto/seaport/inventory/v1"
	ov "seaport.example/proto/seaport/ops/v1"
	vv "seaport.example/proto/seaport/vessel/v1"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func cpu(pid int) float64 {
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	f := strings.Fields(string(b)[strings.LastIndex(string(b), ")")+2:])
	u, _ := strconv.Atoi(f[11])
	s, _ := strconv.Atoi(f[12])
	return float64(u+s) * 10
}
func TestLoad(t *testing.T) {
	conn, err := grpc.NewClient("localhost:"+os.Getenv("GW"), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	vv.NewVesselServiceClient(conn).CreateVessel(ctx, &vv.CreateVesselRequest{Id: "big", Name: "big", Capacity: 2000000000, MaxWeight: 2000000000})
	iv.NewInventoryServiceClient(conn).StockDepot(ctx, &iv.StockDepotRequest{Origin: "X", Containers: 1000000, RequestId: "a"})
	var rj struct {
		Processes []struct {
			Name string
			Pid  int
		}
	}
	b, _ := os.ReadFile(os.Getenv("RUN") + "/run.json")
	json.Unmarshal(b, &rj)
	callers, _ := strconv.Atoi(os.Getenv("CALLERS"))
	if callers == 0 {
		callers = 64
	}
	for _, mode := range []string{"ping", "book"} {
		before := map[string]float64{}
		for _, p := range rj.Processes {
			before[p.Name] = cpu(p.Pid)
		}
		self := cpu(os.Getpid())
		var n atomic.Int64
		var wg sync.WaitGroup
		end := time.Now().Add(5 * time.Second)
		start := time.Now()
		var mu sync.Mutex
		var lat []time.Duration
		for c := range callers {
			wg.Go(func() {
				cl := cv.NewShippingServiceClient(conn)
				op := ov.NewOpsServiceClient(conn)
				i := 0
				for time.Now().Before(end) {
					i++
					t0 := time.Now()
					var err error
					if mode == "ping" {
						_, err = op.Ping(ctx, &ov.PingRequest{AppId: "consignment"})
					} else {
						_, err = cl.CreateConsignment(ctx, &cv.CreateConsignmentRequest{Description: "load", Weight: 1, RequestId: fmt.Sprint(start.UnixNano(), "-", c, "-", i), CustomerId: fmt.Sprint("c", c), VesselId: "big", Containers: []*cv.Container{{Origin: "X", CustomerId: "c", UserId: "u"}}})
					}
					if err != nil {
						fmt.Println(err)
						return
					}
					n.Add(1)
					mu.Lock()
					lat = append(lat, time.Since(t0))
					mu.Unlock()
				}
			})
		}
		wg.Wait()
		el := time.Since(start).Seconds()
		N := float64(n.Load())
		slices.Sort(lat)
		fmt.Printf("%s %.0f/s p50 %v\n", mode, N/el, lat[len(lat)/2])
		tot := 0.0
		for _, p := range rj.Processes {
			d := cpu(p.Pid) - before[p.Name]
			tot += d
			if d > 20 {
				fmt.Printf("  %-22s %.3f ms/op\n", p.Name, d/N)
			}
		}
		d := cpu(os.Getpid()) - self
		fmt.Printf("  client %.3f ms/op; total %.3f of %.3f\n", d/N, (tot+d)/N, 2*el*1000/N)
		time.Sleep(time.Second)
	}
}

package main

import (
	"fmt"
	"sync"
	"time"
)

func main() {
	results := make(chan int)
	var group sync.WaitGroup
	for i := 1; i <= 3; i++ {
		group.Add(1)
		go func(n int) { defer group.Done(); time.Sleep(time.Duration(n) * time.Millisecond); results <- n * n }(i)
	}
	go func() { group.Wait(); close(results) }()
	sum := 0
	for r := range results {
		sum += r
	}
	select {
	case <-time.After(time.Millisecond):
		fmt.Println("sum", sum)
	}
}

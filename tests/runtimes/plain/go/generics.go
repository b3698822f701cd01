package main

import (
	"errors"
	"fmt"
	"sort"
	"strings"
)

type number interface{ ~int | ~float64 }

func sum[T number](items ...T) (total T) {
	for _, item := range items {
		total += item
	}
	return
}

var failed = errors.New("failed")

func main() {
	fmt.Println(sum(1, 2, 3), sum(1.5, 2.5))
	words := strings.Fields("b a c")
	sort.Strings(words)
	fmt.Printf("%v %q %+v %T\n", words, words, struct{ A int }{3}, words)
	fmt.Println(errors.Is(fmt.Errorf("outer: %w", failed), failed))
}

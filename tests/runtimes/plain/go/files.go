package main

import (
	"encoding/json"
	"fmt"
	"os"
	"sync/atomic"
)

type point struct {
	X int    `json:"x"`
	S string `json:"s,omitempty"`
}

func main() {
	var n atomic.Int64
	n.Add(2)
	text, _ := json.Marshal([]point{{1, "a"}, {2, ""}})
	fmt.Println(string(text), n.Load())
	if err := os.WriteFile("out.txt", text, 0o644); err != nil {
		panic(err)
	}
	_, err := os.Open("missing")
	fmt.Println(err)
}

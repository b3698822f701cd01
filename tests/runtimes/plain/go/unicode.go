package main

import (
	"fmt"
	"os"
)

func main() {
	for i, r := range "žč🐎" {
		fmt.Print(i, string(r), " ")
	}
	fmt.Fprintln(os.Stderr, "ä")
	println("to stderr", 1.5, true)
}

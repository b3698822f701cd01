package main

import (
	"fmt"
	"os"
)

func f() int { return "text" }

func main() {
	unused := 3
	fmt.Println(undefined)
}

package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
)

func main() {
	all, err := io.ReadAll(os.Stdin)
	fmt.Println(len(all), err)
	fmt.Println(bufio.NewScanner(os.Stdin).Scan())
}

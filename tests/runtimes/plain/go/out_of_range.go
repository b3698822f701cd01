package main

import "fmt"

func at(items []int, i int) int { return items[i] }

func main() {
	fmt.Println("before")
	fmt.Println(at([]int{1}, 5))
}

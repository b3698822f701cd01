package main

import "fmt"

type shape interface{ area() float64 }

func main() {
	defer fmt.Println("deferred")
	defer func() { fmt.Println("recovered", recover()); panic(fmt.Sprint("again ", 2)) }()
	var s shape
	fmt.Println(s.area())
}

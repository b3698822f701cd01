package main

func main() {
	x := 
	fmt.Println("a"
}

package main

func main() {
	println("before")
	<-make(chan int)
}

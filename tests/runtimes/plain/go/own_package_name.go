package other

func main() { println("never") }

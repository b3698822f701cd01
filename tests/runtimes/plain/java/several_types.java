interface Shape { double area(); }
record Square(double side) implements Shape { public double area() { return side * side; } }
enum Color { RED, GREEN; Color next() { return values()[(ordinal() + 1) % values().length]; } }
class Code { public static void main(String[] a) {
    System.out.println(new Square(2) + " " + Color.GREEN.next() + new Square(3).area() + Code.class.getName());
    java.util.stream.IntStream.range(0, 3).mapToObj(i -> "x" + i).forEach(System.out::println);
} }

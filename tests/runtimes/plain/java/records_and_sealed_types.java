import java.util.*;
sealed interface Shape permits Circle, Square {}
record Circle(double radius) implements Shape {}
record Square(double side) implements Shape { Square { if (side < 0) throw new IllegalArgumentException("side " + side); } }
public class Code {
    static double area(Shape shape) {
        if (shape instanceof Circle c) return Math.round(Math.PI * c.radius() * c.radius());
        if (shape instanceof Square s) return s.side() * s.side();
        throw new AssertionError();
    }
    public static void main(String[] args) {
        for (Shape shape : List.of(new Circle(1), new Square(2))) System.out.println(shape + " " + area(shape));
        System.out.println(switch (args.length) { case 0 -> "none"; case 3 -> { yield "three"; } default -> "some"; });
        new Square(-1);
    }
}

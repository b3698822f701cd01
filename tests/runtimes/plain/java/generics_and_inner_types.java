import java.util.*;
import java.util.function.*;
public class Code {
    interface Visitor<R> { R visit(Node node); }
    static class Node { int value; List<Node> children = new ArrayList<>(); Node(int v, Node... c) { value = v; children.addAll(Arrays.asList(c)); }
        <R> R accept(Visitor<R> v) { return v.visit(this); } }
    enum Operation implements IntBinaryOperator { ADD { public int applyAsInt(int a, int b) { return a + b; } }, MUL { public int applyAsInt(int a, int b) { return a * b; } } }
    public static void main(String... args) {
        Node tree = new Node(1, new Node(2), new Node(3, new Node(4)));
        Visitor<Integer> sum = new Visitor<>() { public Integer visit(Node n) { return n.value + n.children.stream().mapToInt(c -> c.accept(this)).sum(); } };
        System.out.println(tree.accept(sum) + " " + Operation.MUL.applyAsInt(6, 7) + " " + sum.getClass().getName());
    }
}

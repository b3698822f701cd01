public class Code {
    static void f(int x) { throw new IllegalStateException("bad thing", new RuntimeException("cause")); }
    public static void main(String[] a) { System.out.println("before"); f(1); }
}

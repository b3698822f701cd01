public class Code {
    public static void main(String[] args) { System.out.println(1) }
    int f() { return "x"; }
}
